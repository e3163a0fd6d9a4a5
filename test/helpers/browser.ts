import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import type { Test } from 'tap';

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

/**
 * @returns a browser in which every host below `.test` is this machine, or null, with a loud line,
 *   where none is installed. A browser does not trust such a host, unlike 127.0.0.1.
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
