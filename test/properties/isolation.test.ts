/**
 * Several tenants with members, roles and scopes send one request after another, through two processes. Each response and
 * the database equal a simple model, and no response reveals to a non-member that a namespace
 * exists.
 */
import { deepStrictEqual as deepEqual } from 'node:assert';
import { like } from 'drizzle-orm';
import fc from 'fast-check';
import { test } from 'tap';
import type { Database } from '../../src/db/client.js';
import { idempotencyKeys } from '../../src/db/schema/idempotency-keys.js';
import { type Answer, startService } from '../helpers/app.js';
import { pickString } from '../helpers/json.js';
import { startCounted } from '../helpers/proxy.js';
import { Model } from './model.js';
import { type Command, roleIn } from './model-state.js';
import { parameters } from './parameters.js';
import {
  bodyOf,
  contentOf,
  contentOfModel,
  idsOf,
  initialCommands,
  isOperation,
  mostlyFirst,
  requestOf,
} from './tenants.js';

const RUNS = 40;
const SLUGS = ['n0', 'n1', 'n2'];
const NO_SLUG = 'zz';
const SPACES = ['s0', 's1', 's2'];
const TENANTS = ['alice', 'bob', 'carol'];

const commands = fc.array(
  fc.record<Command>({
    operation: fc.oneof(
      fc.constantFrom(...Object.keys(new Model().operations).filter(isOperation)),
      fc.constantFrom('createNamespace', 'createSpace', 'restoreSpace', 'restoreNamespace'),
    ),
    subject: mostlyFirst(TENANTS),
    scope: fc.oneof(
      { weight: 12, arbitrary: fc.constant(undefined) },
      {
        weight: 2,
        arbitrary: fc.constantFrom(
          'admin',
          '',
          'spaces:read',
          'spaces:write spaces:read',
          'namespaces:read',
          'namespaces:write unknown',
        ),
      },
    ),
    namespace: mostlyFirst(SLUGS),
    space: mostlyFirst(SPACES),
    slug: fc.option(fc.constantFrom(...SPACES, ...SLUGS), { freq: 2 }),
    text: fc.option(fc.constant('')),
    member: fc.constantFrom(...TENANTS),
    role: fc.constantFrom('viewer', 'editor', 'owner'),
    page: fc.integer({ min: 1, max: 3 }),
    pageSize: fc.integer({ min: 1, max: 3 }),
    key: fc.option(fc.constantFrom('k0', 'k1'), { nil: undefined, freq: 2 }),
    process: fc.constantFrom(0, 1),
  }),
  { maxLength: 120, size: 'max' },
);

test('tenants see their own resources only, and the database equals the model', async (t) => {
  const settings = parameters(t, RUNS);
  const { service, proxy } = await startCounted(t);
  // The second service has its own caches, and knows the writes of the first from PostgreSQL only.
  const other = await startService(t, { db: service.db });
  const figures = { requests: 0, replayed: 0, redirected: 0, hidden: 0 };
  const statuses = new Map<number, number>();
  let runs = 0;

  const property = fc.asyncProperty(commands, async (drawn) => {
    // Each run has namespaces and subjects of its own, and does not depend on earlier runs.
    const run = `r${(runs += 1)}`;
    const own = (name: string) => `${run}-${name}`;
    const model = new Model();
    let texts = 0;

    // The slugs that one service released and the other may have cached, which costs it one statement.
    const released = [new Set<string>(), new Set<string>()] as const;

    for (const each of [...initialCommands, ...drawn]) {
      const within = /Space/.test(each.operation);
      const command: Command = {
        ...each,
        subject: own(each.subject),
        member: own(each.member),
        namespace: own(each.namespace),
        slug: each.slug && (within ? each.slug : own(each.slug)),
        // A request that repeats a key has the same body.
        text:
          each.text === null ? null : `text ${run} ${each.subject} ${each.key ?? (texts += 1)}.`,
      };
      const process = command.process === 0 ? service : other;
      const caller = await process.as(command.subject, command.scope);
      const count = (asked: Command) => proxy.count(() => caller.send(requestOf(asked)));
      const { result: answer, statements } = await count(command);
      figures.requests += 1;
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);

      const secrets = secretsFrom(model, command);
      const { current, ...expected } = model.answer(command, idsOf(answer));
      deepEqual({ status: answer.status, body: bodyOf(answer) }, expected, JSON.stringify(command));
      const isRelease = /^(delete|erase|update)Namespace$/.test(command.operation);
      if (isRelease && answer.status < 300) {
        released[command.process === 0 ? 1 : 0].add(command.namespace);
      }
      const mayLearn = released[command.process].has(command.namespace);
      const { location } = answer.headers;
      if (answer.status === 308) {
        figures.redirected += 1;
        deepEqual(location, requestOf({ ...command, ...current }).path, JSON.stringify(command));
      } else if (current) {
        const detail = pickString(answer.json, 'detail');
        const [slug] = Object.values(current);
        if (!detail.includes(`"${slug}"`)) throw new Error(`Does not name "${slug}": ${detail}`);
      }
      const isReplayed = answer.headers['idempotent-replayed'] === 'true';
      if (isReplayed) figures.replayed += 1;
      // A replay is a saved response of this caller.
      const shown = isReplayed ? '' : `${answer.text} ${String(location)}`;
      for (const secret of secrets) {
        if (shown.includes(secret)) throw new Error(`Another tenant's data: ${shown}`);
      }
      const isWithin = command.operation !== 'createNamespace';
      if (isWithin && expected.body === 'namespace_not_found' && !current) {
        figures.hidden += 1;
        const missing = await count({ ...command, namespace: own(NO_SLUG) });
        const learned = mayLearn && statements === missing.statements + 1 ? 1 : 0;
        const rename = (text: string) => text.replaceAll(own(NO_SLUG), command.namespace);
        deepEqual(
          {
            statements: statements - learned,
            text: answer.text,
            headers: lasting(answer),
            status: answer.status,
          },
          {
            statements: missing.statements,
            text: rename(missing.result.text),
            headers: lasting(missing.result),
            status: missing.result.status,
          },
          `a 404 that reveals a namespace: ${JSON.stringify(command)}`,
        );
      }
    }
    deepEqual(await contentOf(service.db, run), contentOfModel(model));
    deepEqual(await keysOf(service.db, run), [...model.answers.keys()].sort());
  });
  await fc.assert(property, settings);
  for (const [name, count] of Object.entries(figures)) t.ok(count > 0, `${name} occur`);
  t.comment(
    `${runs} runs, ${figures.requests} requests as in the model, ${figures.replayed} replayed, ${figures.redirected} redirected, ${figures.hidden} hidden by the 404 of a namespace that never existed; by status: ${[
      ...statuses,
    ]
      .sort(([a], [b]) => a - b)
      .map(([status, count]) => `${status}: ${count}`)
      .join(', ')}`,
  );
});

/** @returns the ids and texts of hidden namespaces, without those of visible ones and of the request */
function secretsFrom(model: Model, command: Command): string[] {
  const open = model.namespaces.filter((each) => roleIn(each, command));
  const visible = new Set(open.flatMap(({ texts }) => texts));
  return model.namespaces
    .filter((each) => !open.includes(each))
    .flatMap(({ id, texts }) => [id, ...texts])
    .filter((text) => !visible.has(text) && text !== command.text);
}

/** @returns the headers, without those that differ between any two responses */
function lasting({ headers }: Answer) {
  return Object.entries(headers).filter(([name]) => name !== 'x-request-id' && name !== 'date');
}

async function keysOf(db: Database, run: string): Promise<string[]> {
  const kept = await db
    .select()
    .from(idempotencyKeys)
    .where(like(idempotencyKeys.subject, `${run}-%`));
  return kept
    .map(({ namespaceId, subject, operation, key }) =>
      [namespaceId, subject, operation, key].join(' '),
    )
    .sort();
}
