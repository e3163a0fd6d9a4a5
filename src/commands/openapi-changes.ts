/**
 * `npm run openapi:changes`: fails when the document has a breaking change since the last released one,
 * `openapi/released.json`. Additions pass, and so does every change with a higher major version. With
 * `--release` the document becomes the released one.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { breakingChanges } from './breaking-changes.js';

const fileOf = (name: string) =>
  fileURLToPath(new URL(`../../openapi/${name}.json`, import.meta.url));
const read = (name: string) => readFileSync(fileOf(name), 'utf8');

const broken = breakingChanges(JSON.parse(read('released')), JSON.parse(read('openapi')));
for (const change of broken) console.error(change);
if (broken.length > 0) process.exitCode = 1;
else if (process.argv.includes('--release')) writeFileSync(fileOf('released'), read('openapi'));
else console.log('Nothing breaks callers of the last release.');
