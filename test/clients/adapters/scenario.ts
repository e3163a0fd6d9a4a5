import assert from 'node:assert/strict';

/** What an adapter makes of an answer, all of it by the generated types. */
export interface Answer {
  status: number;
  slug?: string | undefined;
  code?: string | undefined;
  etag: string | null;
}

/** The operations of the scenario, by a generated client, in the namespace `clients`. */
export interface Client {
  list(page: number, pageSize: number): Promise<{ slugs: string[]; totalPages: number }>;
  create(name: string): Promise<Answer>;
  update(slug: string, name: string, ifMatch: string): Promise<Answer>;
  remove(slug: string): Promise<Answer>;
  restore(slug: string): Promise<Answer>;
}

export const origin = String(process.env['ORIGIN']);
export const authorization = `Bearer ${String(process.env['TOKEN'])}`;
export const namespace = 'clients';

/** Runs the scenario; any other answer than the expected one is thrown. */
export async function run(client: Client): Promise<void> {
  for (const name of ['One', 'Two', 'Three']) {
    const made = await client.create(name);
    assert.deepEqual([made.status, made.slug], [201, name.toLowerCase()]);
  }
  const slugs: string[] = [];
  for (let page = 1, pages = 1; page <= pages; page += 1) {
    const answer = await client.list(page, 2);
    slugs.push(...answer.slugs);
    pages = answer.totalPages;
  }
  assert.deepEqual(slugs, ['one', 'two', 'three']);

  const conflict = await client.create('Two');
  assert.deepEqual([conflict.status, conflict.code], [409, 'slug_conflict']);

  const made = await client.create('Four');
  const tag = String(made.etag);
  assert.equal((await client.update('four', 'Vier', tag)).status, 200);
  const stale = await client.update('four', 'Quatre', tag);
  assert.deepEqual([stale.status, stale.code], [412, 'precondition_failed']);

  assert.equal((await client.remove('four')).status, 204);
  const gone = await client.remove('four');
  assert.deepEqual([gone.status, gone.code], [404, 'space_not_found']);
  assert.deepEqual((await client.restore('four')).slug, 'four');
}
