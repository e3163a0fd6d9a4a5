import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Environment } from '../config.js';
import { problems } from '../errors.js';

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
  const marked = new RegExp(`(<!-- ${name} -->).*?(<!-- /${name} -->)`, 's');
  if (!marked.test(readme)) throw new Error(`README.md lost the marks of the table "${name}"`);
  readme = readme.replace(marked, (_all, before: string, after: string) =>
    [before, ...lines, after].join('\n'),
  );
}
await writeFile(file, readme);
