import postgres from 'postgres';
import type { Test } from 'tap';
import type { Answer, Client, Service } from '../../../helpers/app.js';
import { emptyDatabase } from '../../../helpers/database.js';
import { pick } from '../../../helpers/json.js';
import { waitForLockedSessions } from '../../../helpers/locks.js';
import { spaces } from './operations.js';

/** Empties the database and creates the namespace `acme`, in which `ed` is an editor. */
export async function startAcme(t: Test, service: Service) {
  await emptyDatabase(service.db);
  const owner = await service.as('owner');
  await owner.post('/namespaces', { slug: 'acme' });
  await owner.put('/namespaces/acme/members/ed', { role: 'editor' });
  // A separate pool, because a test keeps connections of it.
  const sql = postgres(service.databaseUrl, {
    max: 5,
    fetch_types: false,
    onnotice: () => undefined,
  });
  t.teardown(() => sql.end({ timeout: 1 }));
  return { service, owner, sql };
}

export const post = (client: Client, path: string, key: string, body?: unknown): Promise<Answer> =>
  client.send({
    method: 'POST',
    path,
    headers: { 'idempotency-key': key },
    ...(body !== undefined && { body }),
  });

/** The parts of a response that identify it. */
function comparable({ status, text, headers }: Answer) {
  return { status, text, location: headers.location, etag: headers.etag };
}

/** Asserts that a response is the saved first one, marked as a replay. */
export function isReplay(t: Test, answer: Answer, first: Answer, title: string): void {
  t.same(comparable(answer), comparable(first), title);
  t.equal(first.headers['idempotent-replayed'], undefined, `${title}: the first one is not marked`);
  t.equal(answer.headers['idempotent-replayed'], 'true', `${title}: it is marked as a replay`);
}

export const total = async (client: Client) => pick((await client.get(spaces)).json, 'total');

type Sql = postgres.Sql;

/**
 * Makes a request that creates the space `lab` wait in the middle of its statement: another transaction has inserted a
 * space of that slug and does not commit.
 *
 * @returns a function that rolls that transaction back, so that the request continues
 */
export async function holdLab(sql: Sql): Promise<() => Promise<void>> {
  // Without fetch_types postgres.js reserves open connections only.
  await sql`select`;
  const connection = await sql.reserve();
  await connection`begin`;
  await connection`
    insert into spaces (namespace_id, id, name, slug, tags)
    select id, gen_random_uuid(), 'Held', 'lab', '[]' from namespaces where slug = 'acme'`;
  return async () => {
    await connection`rollback`;
    connection.release();
  };
}

/** @returns the process id of a session that waits for a lock */
export async function waitForLockedSession(sql: Sql, except?: number): Promise<number> {
  const [pid = 0] = await waitForLockedSessions(sql, 1, except);
  return pid;
}
