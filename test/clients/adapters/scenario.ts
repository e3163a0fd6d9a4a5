import assert from 'node:assert/strict';

/** What an adapter makes of an answer, all of it by the generated types. */
export interface Answer<Code extends string> {
  status: number;
  etag: string | null;
  /** of a space */
  id?: string | undefined;
  slug?: string | undefined;
  description?: string | null | undefined;
  /** of a problem */
  code?: Code | undefined;
  /** where a problem found the request wrong */
  paths?: string[] | undefined;
}

/** The operations of the scenario, by a generated client, in the namespace `clients`. */
export interface Client<Code extends string> {
  list(page: number, pageSize: number): Promise<{ slugs: string[]; totalPages: number }>;
  create(name: string, idempotencyKey: string): Promise<Answer<Code>>;
  update(
    slug: string,
    changes: { description: string | null },
    ifMatch: string,
  ): Promise<Answer<Code>>;
  remove(slug: string): Promise<Answer<Code>>;
  restore(slug: string): Promise<Answer<Code>>;
  recording: Recording<Code>;
}

/** What a robot registers: a folder, an episode and its assets. */
export interface Recording<Code extends string> {
  createFolder(space: string, path: string): Promise<{ path: string }>;
  upsertEpisode(
    space: string,
    episode: { name: string; folder?: string; status?: 'running' | 'completed' },
  ): Promise<{ status: number; state?: string | undefined; code?: Code | undefined }>;
  createAssets(space: string, episode: string, paths: string[]): Promise<{ paths: string[] }>;
  listAssets(space: string, episode: string): Promise<{ paths: string[] }>;
  protect(space: string, episode: string): Promise<{ isProtected: boolean }>;
}

/** A code that the generated types know; a client to which every string is one does not compile. */
type Known<Code extends string> = string extends Code ? never : Code;

export const origin = String(process.env['ORIGIN']);
export const authorization = `Bearer ${String(process.env['TOKEN'])}`;
export const namespace = 'clients';

/**
 * Runs the scenario; any other answer than the expected one is thrown.
 *
 * @param codes of the problems that the scenario runs into, as the generated types have them
 */
export async function run<Code extends string>(
  client: Client<Code>,
  codes: Record<'conflict' | 'invalid' | 'stale' | 'gone' | 'protected', Known<Code>>,
): Promise<void> {
  for (const name of ['One', 'Two', 'Three']) {
    const made = await client.create(name, `key-${name}`);
    assert.deepEqual([made.status, made.slug, made.description], [201, name.toLowerCase(), null]);
    const again = await client.create(name, `key-${name}`);
    assert.deepEqual([again.status, again.id], [201, made.id], 'a repeated create');
  }
  const everySlug = async () => {
    const slugs: string[] = [];
    for (let page = 1, pages = 1; page <= pages; page += 1) {
      const answer = await client.list(page, 2);
      slugs.push(...answer.slugs);
      pages = answer.totalPages;
    }
    return slugs;
  };
  assert.deepEqual(await everySlug(), ['one', 'two', 'three']);

  const conflict = await client.create('Two', 'key-conflict');
  assert.deepEqual([conflict.status, conflict.code], [409, codes.conflict]);
  const invalid = await client.create(' ', 'key-invalid');
  assert.deepEqual([invalid.status, invalid.code, invalid.paths], [400, codes.invalid, ['/name']]);

  const made = await client.create('Four', 'key-Four');
  const tag = String(made.etag);
  const updated = await client.update('four', { description: 'The last' }, tag);
  assert.deepEqual([updated.status, updated.description], [200, 'The last']);
  const stale = await client.update('four', { description: null }, tag);
  assert.deepEqual([stale.status, stale.code], [412, codes.stale]);

  assert.equal((await client.remove('four')).status, 204);
  const gone = await client.remove('four');
  assert.deepEqual([gone.status, gone.code], [404, codes.gone]);
  assert.deepEqual(await everySlug(), ['one', 'two', 'three']);
  const restored = await client.restore('four');
  assert.deepEqual([restored.status, restored.description], [200, 'The last']);
  assert.deepEqual(await everySlug(), ['one', 'two', 'three', 'four']);
  await record(client.recording, codes.protected);
}

async function record<Code extends string>(api: Recording<Code>, isProtected: Code): Promise<void> {
  assert.deepEqual(await api.createFolder('one', '/2026/night'), { path: '/2026/night' });
  const upsert = (status: 'running' | 'completed') =>
    api.upsertEpisode('one', { name: 'run 1', folder: '/2026/night', status });
  assert.deepEqual(await upsert('running'), { status: 201, state: 'running', code: undefined });
  const paths = ['/camera/front.mp4', '/joints.csv'];
  assert.deepEqual(await api.createAssets('one', 'run 1', paths), { paths });
  assert.deepEqual(await api.listAssets('one', 'run 1'), { paths });
  assert.deepEqual(await upsert('completed'), { status: 200, state: 'completed', code: undefined });
  assert.deepEqual(await api.protect('one', 'run 1'), { isProtected: true });
  const refused = await upsert('running');
  assert.deepEqual(refused, { status: 403, state: undefined, code: isProtected });
}

/** An asset of the scenario. */
export const assetAt = (path: string, episode: string) => ({
  path,
  episode,
  kind: 'file',
  uri: `s3://recordings${path}`,
});
