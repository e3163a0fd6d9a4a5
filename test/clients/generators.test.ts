import { readFile, writeFile } from 'node:fs/promises';
import { t, test } from 'tap';
import { fillTable, tableLines } from '../../src/commands/tables.js';
import { signToken } from '../../src/development/token.js';
import { SECRET, startService } from '../helpers/app.js';
import { generators, lacks, type Outcome, tableHead, tableRow, tryOut } from './generators.js';

// Five generators, compilers and programs, one after another, on a machine that may be busy.
t.setTimeout(600_000);

const PAGE = 'docs/clients.md';

const outcomes = new Map<string, Outcome>();

for (const [name, generator] of Object.entries(generators)) {
  test(`the client that ${name} makes compiles strictly and does its work`, async (t) => {
    const lacking = await lacks(generator);
    if (lacking !== null) {
      t.comment(`NOT CHECKED: the client that ${name} makes; ${lacking}.`);
      return;
    }
    const service = await startService(t);
    const owner = await service.as('owner');
    await owner.post('/namespaces', { slug: 'clients' });
    const ORIGIN = await service.app.listen({ host: '127.0.0.1', port: 0 });
    const TOKEN = await signToken(SECRET, { subject: 'owner', expiresIn: '1 hour' });
    const outcome = await tryOut(name, generator, { ORIGIN, TOKEN });
    outcomes.set(name, outcome);
    t.same(outcome, { generates: '', compiles: '', scenario: '' });
  });
}

test('the table of clients in the documents is what was found; `npm run clients` writes it', async (t) => {
  const rows = await Promise.all(
    Object.entries(generators).map(([name, generator]) =>
      tableRow(generator, outcomes.get(name) ?? null),
    ),
  );
  const page = await readFile(PAGE, 'utf8');
  if (process.env['npm_lifecycle_event'] === 'clients') {
    await writeFile(PAGE, fillTable(page, 'clients', [...tableHead, ...rows]));
    return;
  }
  const committed = tableLines(page, 'clients').slice(tableHead.length);
  // What this machine cannot try stays as it was found elsewhere.
  const found = rows.map((row, index) => (row.includes('not checked') ? committed[index] : row));
  t.same(committed, found);
});
