import type { Locator, Page } from 'playwright-core';
import t, { type Test, test } from 'tap';
import { createDemo } from '../../src/development/demo.js';
import { signToken } from '../../src/development/token.js';
import { SECRET, startService } from '../helpers/app.js';
import { launchBrowser } from '../helpers/browser.js';
import { startPrefixProxy } from '../helpers/prefix-proxy.js';

// A loaded machine is slow to run a browser.
t.setTimeout(300_000);

const browser = await launchBrowser(t);

/**
 * Swagger UI of a service that has what a development start makes, opened by one of the names that a
 * machine has, over plain http.
 *
 * @param through a proxy to open it through
 * @returns the page, and the errors of the browser; null without a browser
 */
async function openDocs(t: Test, host: string, path: string, through?: typeof startPrefixProxy) {
  if (!browser) return null;
  const service = await startService(t);
  await createDemo(service.db);
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  const { port: direct } = new URL(service.app.listeningOrigin);
  const port = (await through?.(t, () => Number(direct))) ?? direct;
  // A page with a context of its own, so that the token of another test is not remembered.
  const page = await browser.newPage({ viewport: { width: 1000, height: 1450 } });
  t.teardown(() => page.close());
  const complaints: string[] = [];
  page.on('console', (message) => {
    // Expected statuses are reported as errors too.
    if (message.type() === 'error' && !/status of 4/.test(message.text())) {
      complaints.push(message.text());
    }
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => complaints.push(request.url()));
  page.on('response', (response) => {
    if (response.url().includes('/docs') && response.status() >= 400) {
      complaints.push(`${response.status()} ${response.url()}`);
    }
  });
  await page.goto(`http://${host}:${port}${path}`);
  return { page, complaints };
}

async function authorize(page: Page): Promise<void> {
  await page.locator('button.authorize').first().click();
  const token = await signToken(SECRET, { subject: 'developer', expiresIn: '1 hour' });
  await page.locator('.auth-container input').fill(token);
  await page.locator('.auth-btn-wrapper button.authorize').click();
  await page.locator('.auth-btn-wrapper button.btn-done').click();
}

const operation = (page: Page, id: string) => page.locator(`.opblock[id$="-${id}"]`);

async function open(block: Locator): Promise<void> {
  await block.locator('.opblock-summary-control').click();
}

/** Executes the operation with the displayed values. */
async function execute(block: Locator, status: number): Promise<void> {
  await block.locator('button.execute').click();
  await block
    .locator('.live-responses-table td.response-col_status', { hasText: String(status) })
    .waitFor();
}

/** @returns the operations that are shown, by tag and operationId, from the top down */
async function shown(page: Page): Promise<string[]> {
  const blocks = await page.locator('.opblock').all();
  const ids = await Promise.all(blocks.map((block) => block.getAttribute('id')));
  return ids.map((id) => String(id).replace('operations-', ''));
}

test('Swagger UI authorizes, lists, creates, shows an error and remembers the token', async (t) => {
  const docs = await openDocs(t, 'spaces.test', '/docs');
  if (!docs) return;
  const { page, complaints } = docs;
  await authorize(page);
  const list = operation(page, 'listSpaces');
  await open(list);
  await execute(list, 200);
  await open(list);
  const create = operation(page, 'createSpace');
  await open(create);
  await execute(create, 201);
  const screenshot = process.env['SCREENSHOT'];
  if (screenshot) {
    // The command holds the token.
    const style = '.curl-command { display: none }';
    await page.screenshot({ path: screenshot, style });
  }
  await execute(create, 409);
  t.match(await create.locator('.live-responses-table').textContent(), /slug_conflict/);

  await page.reload();
  await open(list);
  await execute(list, 200);
  t.same(complaints, []);
});

test('behind a proxy that strips a prefix Swagger UI works with and without a trailing slash', async (t) => {
  for (const path of ['/api/docs', '/api/docs/']) {
    const docs = await openDocs(t, '127.0.0.1', path, startPrefixProxy);
    if (!docs) return;
    const { page, complaints } = docs;
    await authorize(page);
    const list = operation(page, 'listSpaces');
    await open(list);
    await execute(list, 200);
    t.match(await list.locator('.live-responses-table').textContent(), /Robotics Lab/, path);
    t.match(
      await list.locator('.request-url').textContent(),
      /\/api\/namespaces\/demo\/spaces/,
      path,
    );
    t.same(complaints, [], path);
  }
});

test('optional parameters show an example and stay empty', async (t) => {
  const docs = await openDocs(t, '127.0.0.1', '/docs');
  if (!docs) return;
  const list = operation(docs.page, 'listSpaces');
  await open(list);
  await list.locator('button.execute').waitFor();
  for (const name of ['q', 'metadata', 'createdAfter', 'createdBefore', 'updatedAfter', 'cursor']) {
    const row = list.locator(`tr[data-param-in="query"][data-param-name="${name}"]`);
    t.equal(await row.locator('input').inputValue(), '', name);
  }
  for (const name of ['tag', 'slug']) {
    const row = list.locator(`tr[data-param-in="query"][data-param-name="${name}"]`);
    t.equal(await row.locator('input').count(), 0, name);
    t.match(await row.textContent(), /Example: /, name);
  }
  await authorize(docs.page);
  await execute(list, 200);
  t.match(await list.locator('.live-responses-table').textContent(), /Robotics Lab/);
  t.same(docs.complaints, []);
});

/** The verbs of operation names, in their order within a tag. */
const kinds = [
  'list',
  'create',
  'upsert',
  'get',
  'ensure',
  'put',
  'update',
  'delete',
  'remove',
  'erasure',
  'restore',
];
const KINDS = new RegExp(`^(${kinds.join('|')})`);

/** @returns the verb of an operation name; an erasure is a resource that follows its deletion */
function kindOf(name: string): string {
  return name.endsWith('Erasure') ? 'erasure' : (KINDS.exec(name)?.[0] ?? '');
}

/** @returns the first operation of each kind */
function firstOfEachKind(ids: string[]): string[] {
  const found = ids.map((id) => kindOf(id.split('-')[1] ?? ''));
  return ids.filter((_id, index) => found.indexOf(found[index] ?? '') === index);
}

test('operations succeed with their prefilled values, in the displayed order', async (t) => {
  const docs = await openDocs(t, '127.0.0.1', '/docs/');
  if (!docs) return;
  const { page, complaints } = docs;
  await authorize(page);
  const ids = await shown(page);
  const tags = ids.map((id) => id.split('-')[0]);
  t.same(
    [...new Set(tags)],
    ['spaces', 'folders', 'episodes', 'assets', 'namespaces', 'members', 'health'],
  );
  const places = ids.map((id) => {
    const [tag = '', name = ''] = id.split('-');
    return tags.indexOf(tag) * 100 + kinds.indexOf(kindOf(name));
  });
  t.same(
    places,
    places.toSorted((a, b) => a - b),
    'list, create, get, update, delete, erasure, restore',
  );

  // `openapi.test.ts` sends every example; here the page fills them in, one operation of each kind.
  const tried = process.env['BROWSER_ALL'] ? ids : firstOfEachKind(ids);
  for (const id of tried) {
    const block = page.locator(`[id="operations-${id}"]`);
    await open(block);
    const types = block.locator(
      '.body-param-content-type select, .opblock-section-request-body select.content-type',
    );
    const media =
      (await types.count()) === 0
        ? [null]
        : await types.first().locator('option').allTextContents();
    for (const type of media) {
      if (type !== null) await types.first().selectOption(type);
      await block.locator('button.execute').click();
      const status = block.locator('.live-responses-table tbody .response-col_status').first();
      // Nothing is being erased.
      const expected = id.endsWith('Erasure') ? /^404/ : /^2\d\d/;
      t.match(await status.textContent(), expected, `${id} ${type ?? ''}`);
      // Otherwise the status of this one would be read for the next.
      if (media.length > 1) await block.locator('button.btn-clear').click();
    }
    await open(block);
  }
  t.same(complaints, []);
});

test('the filter finds operations by tag, path, method, name and summary, case-insensitively', async (t) => {
  const docs = await openDocs(t, 'localhost', '/docs');
  if (!docs) return;
  const { page, complaints } = docs;
  await operation(page, 'listSpaces').waitFor();
  const all = await shown(page);
  const filter = page.locator('.operation-filter-input');
  for (const [phrase, finds] of [
    ['MEMBERS', /^members-/],
    ['createspace', /-createSpaces?$/],
    ['patch', /-update/],
    ['/restore', /-restore/],
    ['Whether', /^health-get(Live|Readi)ness$/],
    ['none of these', /^$/],
    ['', /./],
  ] as const) {
    await filter.fill(phrase);
    const expected = all.filter((id) => finds.test(id));
    await page.locator('.opblock').nth(expected.length).waitFor({ state: 'detached' });
    t.same(await shown(page), expected, `"${phrase}"`);
  }
  t.equal(await page.title(), 'Spaces');
  t.same(complaints, []);
});
