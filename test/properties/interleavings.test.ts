/**
 * Tenants write concurrently, through two processes. The responses to concurrent requests, and what the database
 * holds afterwards, are those of one after another in some order: no write uses a right that is gone.
 */
import { deepStrictEqual as deepEqual } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { test } from 'tap';
import { startService } from '../helpers/app.js';
import { Model } from './model.js';
import type { Command } from './model-state.js';
import { parameters } from './parameters.js';
import {
  bodyOf,
  contentOf,
  founding,
  idsOf,
  modelled,
  mostlyFirst,
  nothing,
  requestOf,
} from './tenants.js';

const RUNS = 60;
const AT_ONCE = 3;

/** Changes of members and namespaces are more frequent, because they change rights. */
const operations = [
  ...(['putMember', 'removeMember', 'putMember', 'removeMember'] as const),
  ...(['updateNamespace', 'deleteNamespace', 'eraseNamespace', 'restoreNamespace'] as const),
  ...(['createSpace', 'createSpaces', 'ensureSpace'] as const),
  ...(['updateSpace', 'deleteSpace', 'eraseSpace', 'restoreSpace'] as const),
];

const commands = fc.record<Command>({
  operation: fc.constantFrom<Command['operation']>(...operations),
  subject: fc.constantFrom('alice', 'bob'),
  scope: fc.constant(undefined),
  namespace: mostlyFirst(['n0', 'n1']),
  space: mostlyFirst(['s0', 's1']),
  slug: fc.option(fc.constantFrom('s0', 's1', 's2'), { freq: 2 }),
  text: fc.constant('a text'),
  member: fc.constantFrom('alice', 'bob', 'carol'),
  role: fc.constantFrom('viewer', 'editor', 'owner'),
  page: fc.constant(1),
  pageSize: fc.constant(50),
  key: fc.option(fc.constant('key'), { nil: undefined, freq: 2 }),
  process: fc.constantFrom(0, 1),
});

const batches = fc.array(fc.array(commands, { minLength: 2, maxLength: AT_ONCE }), {
  minLength: 1,
  maxLength: 8,
  size: 'max',
});

/** A command that ran, and the ids that it was answered. */
interface Step {
  command: Command;
  ids: string[];
  answer: { status: number; body: unknown };
}

function* ordersOf<Item>(items: Item[]): Generator<Item[]> {
  if (items.length === 0) yield [];
  for (const [index, item] of items.entries()) {
    for (const others of ordersOf(items.toSpliced(index, 1))) yield [item, ...others];
  }
}

/** The rows of the database, without the order of ids that two processes created in one millisecond. */
const byId = (content: { id: string; spaces: { id: string }[] }[]) =>
  content
    .map((each) => ({ ...each, spaces: each.spaces.toSorted((a, b) => (a.id < b.id ? -1 : 1)) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));

/**
 * Deletions have the times at which their statements began, so the model cannot tell which of two concurrent ones is the
 * last: beside a deletion in a namespace, nothing in it is created or restored. Two erasures of one resource both
 * succeed while one of them runs: there is one of them in a batch.
 */
function isOrdered(batch: Command[], command: Command): boolean {
  const others = batch.filter((each) => each !== command && each.namespace === command.namespace);
  const meets = (name: RegExp) => others.some(({ operation }) => name.test(operation));
  if (/^erase/.test(command.operation) && meets(/^erase/)) return false;
  return !/^(delete|erase)/.test(command.operation) || !meets(/^(create|ensure|restore|update)/);
}

/**
 * The answer to a write of a namespace says how many spaces it had when the statement began, which may then have waited
 * for others that created some: beside those the count is not compared. What the database holds always is.
 */
function comparable(batch: Command[], { operation }: Command, answer: Step['answer']) {
  const isCounted = /^(update|restore)Namespace$/.test(operation);
  if (!isCounted || !batch.some((each) => /Space/.test(each.operation))) return answer;
  const { status, body } = answer;
  const isObject = typeof body === 'object' && body !== null;
  return { status, body: isObject ? { ...body, spaces: 'not compared' } : body };
}

test('concurrent requests have the outcome of some serial order', async (t) => {
  const settings = parameters(t, RUNS);
  const first = await startService(t);
  const second = await startService(t, { databaseUrl: first.databaseUrl });
  let runs = 0;
  let interleavings = 0;

  const property = fc.asyncProperty(batches, async (drawn) => {
    const run = `i${(runs += 1)}`;
    const own = (name: string) => `${run}-${name}`;
    let keys = 0;
    const ownCommand = (each: Command): Command => ({
      ...each,
      subject: own(each.subject),
      member: own(each.member),
      namespace: own(each.namespace),
      slug: each.slug && (/Space/.test(each.operation) ? each.slug : own(each.slug)),
      text: 'a text',
      // A key of its own: of two requests with one key either may be rejected.
      key: each.key && `${run}-${(keys += 1)}`,
    });
    const send = async (command: Command) => {
      const caller = await (command.process === 0 ? first : second).as(command.subject);
      const answer = await caller.send(requestOf(command));
      return { answer: { status: answer.status, body: bodyOf(answer) }, ids: idsOf(answer) };
    };
    const replay = (steps: Omit<Step, 'answer'>[]) => {
      const model = new Model();
      const answers = steps.map(({ command, ids }) => {
        const { status, body } = model.answer(command, ids);
        return { status, body };
      });
      return { model, answers };
    };

    const history: Step[] = [];
    // Both are owners of the first namespace, so that each can revoke the other's rights.
    const promotion: Command = { ...nothing, operation: 'putMember', role: 'owner' };
    for (const command of [...founding, promotion].map(ownCommand)) {
      const { answer, ids } = await send(command);
      history.push({ command, ids, answer });
      deepEqual(answer, replay(history).answers.at(-1), JSON.stringify(command));
    }

    for (const batch of drawn) {
      const asked = batch.filter((each) => isOrdered(batch, each)).map(ownCommand);
      const steps: Step[] = await Promise.all(
        asked.map(async (command) => ({ command, ...(await send(command)) })),
      );
      interleavings += 1;
      const content = byId(await contentOf(first.db, run));
      const order = [...ordersOf(steps)].find((each) => {
        const { model, answers } = replay([...history, ...each]);
        return (
          isDeepStrictEqual(
            answers
              .slice(history.length)
              .map((answer, index) => comparable(asked, each[index]?.command ?? nothing, answer)),
            each.map(({ command, answer }) => comparable(asked, command, answer)),
          ) && isDeepStrictEqual(byId(modelled(model)), content)
        );
      });
      if (!order) {
        const { model, answers } = replay([...history, ...steps]);
        deepEqual(
          { answers: steps.map(({ answer }) => answer), content },
          { answers: answers.slice(history.length), content: byId(modelled(model)) },
          `no order of these has this outcome: ${JSON.stringify(asked)}`,
        );
      } else history.push(...order);
    }
  });
  await fc.assert(property, settings);
  t.comment(`${runs} runs, ${interleavings} times two or three writes at once`);
});
