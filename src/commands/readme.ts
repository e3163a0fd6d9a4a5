import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Environment } from '../config.js';
import { problems } from '../errors.js';
import { fillTable } from './tables.js';

/** Writes the tables of the README that the code knows better than any hand. */
const file = fileURLToPath(new URL('../../README.md', import.meta.url));

const configuration = [
  '| variable | default | meaning |',
  '|---|---|---|',
  ...Object.entries(Environment.properties).map(([name, { default: value, description }]) => {
    const shown = value === undefined ? '' : `\`${String(value)}\``;
    return `| \`${name}\` | ${shown} | ${String(description)} |`;
  }),
];

const errors = [
  '| code | status | meaning |',
  '|---|---|---|',
  ...Object.entries(problems).map(
    ([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`,
  ),
];

let readme = await readFile(file, 'utf8');
for (const [name, lines] of Object.entries({ configuration, errors })) {
  readme = fillTable(readme, name, lines);
}
await writeFile(file, readme);
