import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import type { Test } from 'tap';

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

/**
 * Starts a browser that resolves every host below `.test` to this machine: it trusts 127.0.0.1, but no such host.
 *
 * @returns null, after a comment, where no browser is installed
 */
export async function launchBrowser(t: Test): Promise<Browser | null> {
  if (!existsSync(executablePath)) {
    t.comment(`NOT CHECKED: there is no browser at ${executablePath}; set CHROMIUM_PATH.`);
    return null;
  }
  const browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP *.test 127.0.0.1',
    ],
  });
  t.teardown(() => browser.close());
  return browser;
}
