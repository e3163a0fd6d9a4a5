/**
 * `npm run openapi:changes`: fails when the committed document breaks callers of the one before it,
 * that of the last tag, else of the parent commit, or of the revision given. Additions pass, and a
 * higher major version passes everything.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { breakingChanges } from './breaking-changes.js';

const FILE = 'openapi/openapi.json';
const root = fileURLToPath(new URL('../../', import.meta.url));

function git(...args: string[]): string | null {
  try {
    return execFileSync('git', args, {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return null;
  }
}

const revision =
  process.argv[2] ?? git('describe', '--tags', '--abbrev=0', 'HEAD^')?.trim() ?? 'HEAD^';
const before = git('show', `${revision}:${FILE}`);
if (before === null) {
  console.log(`NOT CHECKED: there is no ${FILE} in ${revision}.`);
} else {
  const broken = breakingChanges(JSON.parse(before), JSON.parse(readFileSync(root + FILE, 'utf8')));
  for (const change of broken) console.error(change);
  if (broken.length === 0) console.log(`Nothing breaks callers of ${revision.trim()}.`);
  else process.exitCode = 1;
}
