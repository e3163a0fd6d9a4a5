import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { test } from 'tap';
import { signToken } from '../../src/token.js';
import { SECRET, startService } from '../helpers/app.js';

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

test('Swagger UI authorizes, lists, creates, shows an error and remembers the token', async (t) => {
  if (!existsSync(executablePath)) {
    t.comment(`NOT CHECKED: there is no browser at ${executablePath}; set CHROMIUM_PATH.`);
    return;
  }
  const service = await startService(t);
  const owner = await service.as('owner');
  await owner.post('/namespaces', { slug: 'demo' });
  const origin = await service.app.listen({ host: '127.0.0.1', port: 0 });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  t.teardown(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  const complaints: string[] = [];
  page.on('console', (message) => {
    // A status that is tried on purpose is reported as an error too.
    if (message.type() === 'error' && !message.text().includes('409')) {
      complaints.push(message.text());
    }
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => complaints.push(request.url()));

  await page.goto(`${origin}/docs`);
  await page.locator('button.authorize').first().click();
  const token = await signToken(SECRET, { subject: 'owner', expiresIn: '1 hour' });
  await page.locator('.auth-container input').fill(token);
  await page.locator('.auth-btn-wrapper button.authorize').click();
  await page.locator('.auth-btn-wrapper button.btn-done').click();

  const open = async (id: string) => {
    const block = page.locator(`[id="operations-spaces-${id}"]`);
    await block.locator('.opblock-summary-control').click();
    return block;
  };
  const execute = async (block: Awaited<ReturnType<typeof open>>, status: string) => {
    await block.locator('button.execute').click();
    await block
      .locator('.live-responses-table td.response-col_status', { hasText: status })
      .waitFor();
  };
  await execute(await open('listSpaces'), '200');
  const create = await open('createSpace');
  await execute(create, '201');
  await execute(create, '409');
  const screenshot = process.env['SCREENSHOT'];
  if (screenshot) await page.screenshot({ path: screenshot });

  await page.reload();
  await execute(await open('listSpaces'), '200');
  t.same(complaints, []);
});
