/**
 * Tenants write concurrently, through two services. The responses to concurrent requests, and the content of the
 * database afterwards, are those of some serial order: no write uses a revoked right.
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
  baseCommand,
  bodyOf,
  contentOf,
  contentOfModel,
  idsOf,
  initialCommands,
  mostlyFirst,
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

/** A command, and the ids and the body of its response. */
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

/** Sorts rows by id: two services may create ids of one millisecond in another order. */
const byId = (content: { id: string; spaces: { id: string }[] }[]) =>
  content
    .map((each) => ({ ...each, spaces: each.spaces.toSorted((a, b) => (a.id < b.id ? -1 : 1)) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));

/**
 * Selects commands whose outcome the model can predict. A deletion has the time at which its statement began, so that
 * the last of two concurrent ones is unknown: a batch with a deletion creates and restores nothing in the namespace.
 * Two concurrent erasures of one resource both succeed: a batch has one of them.
 */
function isOrdered(batch: Command[], command: Command): boolean {
  const others = batch.filter((each) => each !== command && each.namespace === command.namespace);
  const meets = (name: RegExp) => others.some(({ operation }) => name.test(operation));
  if (/^erase/.test(command.operation) && meets(/^erase/)) return false;
  return !/^(delete|erase)/.test(command.operation) || !meets(/^(create|ensure|restore|update)/);
}

/**
 * The response to a write of a namespace has the number of spaces at the start of its statement, which may then wait for
 * writes of spaces: with such writes the number is not compared. The content of the database always is.
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
    // alice and bob both own the first namespace, so that each can revoke the rights of the other.
    const promotion: Command = { ...baseCommand, operation: 'putMember', role: 'owner' };
    for (const command of [...initialCommands, promotion].map(ownCommand)) {
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
              .map((answer, index) =>
                comparable(asked, each[index]?.command ?? baseCommand, answer),
              ),
            each.map(({ command, answer }) => comparable(asked, command, answer)),
          ) && isDeepStrictEqual(byId(contentOfModel(model)), content)
        );
      });
      if (!order) {
        const { model, answers } = replay([...history, ...steps]);
        deepEqual(
          { answers: steps.map(({ answer }) => answer), content },
          { answers: answers.slice(history.length), content: byId(contentOfModel(model)) },
          `no serial order has this outcome: ${JSON.stringify(asked)}`,
        );
      } else history.push(...order);
    }
  });
  await fc.assert(property, settings);
  t.comment(`${runs} runs, ${interleavings} batches of concurrent writes`);
});
