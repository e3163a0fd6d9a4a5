import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { buildApp } from '../app.js';
import { connect } from '../db/client.js';

/** Writes the documents in `openapi/` as the service serves them. Needs no database. */
const directory = fileURLToPath(new URL('../../openapi/', import.meta.url));

const db = connect({
  url: 'postgres://nobody@127.0.0.1:1/none',
  poolMax: 1,
  statementTimeoutMs: 1000,
  prepare: true,
});
const app = await buildApp({ token: { key: 'unused', issuer: null, audience: null }, db });
await mkdir(directory, { recursive: true });
for (const name of ['openapi.json', 'openapi-3.0.json', 'openapi.yaml']) {
  const { body } = await app.inject(`/${name}`);
  await writeFile(`${directory}${name}`, body.endsWith('\n') ? body : `${body}\n`);
}
await app.close();
await db.$client.end();
