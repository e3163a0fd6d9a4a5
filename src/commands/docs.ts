import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Environment } from '../config/schema.js';
import { problems } from '../errors.js';
import { fillTable } from './tables.js';

/** Writes the tables of the documents that are generated from the code. */
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

for (const [name, table, lines] of [
  ['operations.md', 'configuration', configuration],
  ['api.md', 'errors', errors],
] as const) {
  const file = fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));
  await writeFile(file, fillTable(await readFile(file, 'utf8'), table, lines));
}
