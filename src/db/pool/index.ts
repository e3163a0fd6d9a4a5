import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import postgres from 'postgres';
import { isReadOnly, refusedSetting } from '../errors.js';
import type { PoolOptions } from './options.js';
import { type Backend, load, type Slot, type Statement, type Usage } from './slot.js';
import { cancel, failure, openSocket } from './socket.js';

/** Added to the statement timeout of PostgreSQL: the network round trip. */
const MARGIN_MS = 250;

const SWEEP_MS = 100;

/** Delay before the next connection attempt after a failure. */
const RECONNECT_MS = 100;

/** Minimum time between two replacements of the pool because PostgreSQL rejects writes. */
const READ_ONLY_MS = 1000;

/** How often the pool cancels a stuck backend and checks whether it has ended. */
const LOOK_MS = 500;

/** An idle connection is replaced at a random age between half of this and this. */
const LIFETIME_MS = 60 * 60_000;

/**
 * A pool of driver clients with one connection each. When postgres.js reconnects, it keeps half-read and
 * half-written state of the lost connection, so that the new connection can hang, or fail its first statement
 * with the previous error. Here a client whose connection ends never reconnects: it alone is replaced.
 *
 * postgres.js has no response timeout, and the statement timeout of PostgreSQL does not help when the server is
 * stopped or the network drops packets. So the pool abandons a statement that waits longer than PostgreSQL lets
 * it run. Its connection counts until its backend is gone: the pool cancels the backend and watches it, so that
 * the server never has more connections than the pool. Where the host does not accept the cancel request, the
 * pool closes all silent connections.
 */
export function openPool(poolOptions: PoolOptions) {
  const { max, statementTimeoutMs, driver, settings, findTarget } = poolOptions;
  const responseTimeoutMs = statementTimeoutMs > 0 ? statementTimeoutMs + MARGIN_MS : Infinity;
  const drainSeconds = statementTimeoutMs / 1000;
  const template = postgres({ ...driver(), max: 1 });
  const slots: (Slot | undefined)[] = Array.from({ length: max });
  const sockets = new Set<Socket>();
  let statementCount = 0;
  let ended = false;
  let sendsSettings = true;
  let connectAfter = -Infinity;
  let readOnlyAt = -Infinity;
  let timer: NodeJS.Timeout | undefined;

  /** @param before the connection opens after this */
  function openSlot(index: number, before: Promise<unknown> = Promise.resolve()): Slot {
    const open = async () => {
      try {
        await before;
        const wait = connectAfter - performance.now();
        if (wait > 0) await setTimeout(wait);
        if (slots[index] !== slot) throw failure('CONNECTION_CLOSED', 'The connection has ended');
        const target = await findTarget();
        slot.target = target;
        const socket = openSocket(target);
        slot.socket = socket;
        sockets.add(socket);
        socket.onClosed = () => {
          sockets.delete(socket);
          slot.socket = null;
          connectAfter = performance.now() + RECONNECT_MS;
          lose(index, slot);
        };
        return socket;
      } catch (error) {
        // The driver would wait forever for a socket that could not be opened.
        setImmediate(lose, index, slot, error);
        throw error;
      }
    };
    const current = driver();
    const connection = { ...(sendsSettings && settings), ...current.connection };
    const options = { ...current, connection, max: 1, max_lifetime: null, socket: open };
    const now = performance.now();
    const slot: Slot = {
      sql: postgres(options),
      socket: null,
      target: null,
      sendsSettings,
      statements: new Set(),
      isReserved: false,
      isStuck: false,
      expiresAt: now + (LIFETIME_MS * (1 + Math.random())) / 2,
      heardAt: now,
      bytesRead: 0,
    };
    // Drizzle sets its own parsers and serializers on the template.
    Object.assign(slot.sql.options.parsers, template.options.parsers);
    Object.assign(slot.sql.options.serializers, template.options.serializers);
    slots[index] = slot;
    return slot;
  }

  /**
   * Removes a slot whose connection has ended. The driver rejects the statements in progress; this function
   * rejects those not yet sent.
   */
  function lose(index: number, slot: Slot, reason?: unknown): void {
    if (slots[index] === slot) slots[index] = undefined;
    setImmediate(() => {
      const error =
        reason instanceof Error ? reason : failure('CONNECTION_CLOSED', 'The connection has ended');
      for (const { giveUp } of slot.statements) giveUp(error);
      void slot.sql.end({ timeout: 0 });
    });
  }

  /** Replaces a slot; its statements in progress may still end. */
  function retire(index: number, slot: Slot): Slot {
    return openSlot(index, slot.sql.end({ timeout: drainSeconds }));
  }

  /** @returns the slot with the lowest load, an open one if several are idle; null if all are stuck */
  function pick(): Slot | null {
    const now = performance.now();
    let best: Slot | null = null;
    let vacant = -1;
    for (const [index, slot] of slots.entries()) {
      if (!slot) {
        if (vacant === -1) vacant = index;
        continue;
      }
      if (slot.isStuck) continue;
      if (slot.statements.size === 0 && !slot.isReserved) {
        if (slot.expiresAt > now) return slot;
        return retire(index, slot);
      }
      if (!best || load(slot) < load(best)) best = slot;
    }
    return vacant === -1 ? best : openSlot(vacant);
  }

  /** Runs a statement on the connection with the lowest load; rejects it after `responseTimeoutMs`. */
  function execute<Answer>(run: (sql: postgres.Sql) => Query<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const slot = ended ? null : pick();
      if (!slot) {
        const text = ended ? 'The pool has ended' : 'All connections wait for statements to end';
        reject(failure(ended ? 'CONNECTION_ENDED' : 'ETIMEDOUT', text));
        return;
      }
      const settle = () => {
        if (slot.statements.delete(statement)) statementCount -= 1;
      };
      const fail = (error: unknown) => {
        if (!slot.statements.has(statement)) return;
        settle();
        if (isReadOnly(error)) leaveReadOnly();
        const refused = slot.sendsSettings ? refusedSetting(error) : null;
        if (refused !== null && refused in settings) {
          // The statement did not run. New connections omit the settings; `session.ts` reports those that are
          // missing.
          sendsSettings = false;
          const index = slots.indexOf(slot);
          if (index !== -1) lose(index, slot, error);
          execute(run).then(resolve, reject);
          return;
        }
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as it came
        reject(error);
      };
      const query = run(slot.sql);
      const statement: Statement = {
        since: performance.now(),
        backend: () => (query.state?.pid ? query.state : null),
        giveUp: fail,
      };
      slot.statements.add(statement);
      statementCount += 1;
      timer ??= setInterval(sweep, SWEEP_MS).unref();
      query.then((value) => {
        settle();
        resolve(value);
      }, fail);
    });
  }

  /** Replaces all connections, because another host may be the primary now. */
  function leaveReadOnly(): void {
    const now = performance.now();
    if (now - readOnlyAt < READ_ONLY_MS) return;
    readOnlyAt = now;
    for (const [index, slot] of slots.entries()) if (slot && !slot.isStuck) retire(index, slot);
  }

  function sweep(): void {
    const now = performance.now();
    for (const [index, slot] of slots.entries()) {
      if (!slot) continue;
      const bytesRead = slot.socket?.bytesRead ?? 0;
      if (bytesRead !== slot.bytesRead) Object.assign(slot, { bytesRead, heardAt: now });
      const [oldest] = slot.statements;
      if (!slot.isStuck && oldest && now - oldest.since >= responseTimeoutMs)
        giveUp(index, slot, oldest);
    }
    if (statementCount === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  }

  /** Abandons a statement and its connection, and rejects the statements queued behind it. */
  function giveUp(index: number, slot: Slot, { backend, ...overdue }: Statement): void {
    slot.isStuck = true;
    const known = backend();
    const now = performance.now();
    overdue.giveUp(failure('ETIMEDOUT', 'PostgreSQL did not respond in time'));
    for (const { since, giveUp: reject } of slot.statements) {
      const code = now - since >= responseTimeoutMs ? 'ETIMEDOUT' : 'CONNECTION_CLOSED';
      reject(failure(code, 'The connection to PostgreSQL was given up'));
    }
    void release(slot, known)
      .catch(() => undefined)
      .finally(() => {
        slot.socket?.destroy(failure('ETIMEDOUT', 'The connection to PostgreSQL was given up'));
        if (!slot.socket) lose(index, slot);
      });
  }

  /** Cancels the backend of a slot until it responds or ends, or its host cannot be reached. */
  async function release({ socket, target }: Slot, backend: Backend | null): Promise<void> {
    if (!socket || !target || !backend) return;
    const bytesRead = socket.bytesRead;
    while (!socket.destroyed && socket.bytesRead === bytesRead && !ended) {
      if (!(await cancel(target, backend))) {
        closeSilent();
        return;
      }
      await setTimeout(LOOK_MS);
      if (await isGone(backend)) return;
    }
  }

  /** Closes connections that have received nothing for `responseTimeoutMs`; opening new ones costs less than waiting. */
  function closeSilent(): void {
    const now = performance.now();
    for (const slot of slots) {
      if (slot && now - slot.heardAt >= responseTimeoutMs) {
        slot.socket?.destroy(failure('ETIMEDOUT', 'The connection to PostgreSQL is silent'));
      }
    }
  }

  /** Terminates a backend through another connection. @returns whether it has ended already */
  async function isGone({ pid }: Backend): Promise<boolean> {
    const other = slots.find((slot) => slot?.bytesRead && !slot.isStuck && !slot.isReserved);
    if (!other) return false;
    const look = other.sql`select pg_terminate_backend(pid) from pg_stat_activity where pid = ${pid}`;
    const rows = await Promise.race([look, setTimeout(LOOK_MS, null)]).catch(() => null);
    return rows?.length === 0;
  }

  /** @returns the method `then` of a statement: postgres.js sends a statement when it is first awaited */
  function lazily<Answer>(run: (sql: postgres.Sql) => Query<Answer>): Promise<Answer>['then'] {
    return (...settled) => execute(run).then(...settled);
  }

  const replaced = {
    unsafe: (...statement: Parameters<postgres.Sql['unsafe']>) => ({
      values: () => execute((sql) => sql.unsafe(...statement).values()),
      then: lazily((sql) => sql.unsafe(...statement)),
    }),
    begin: (...transaction: Parameters<postgres.Sql['begin']>) => {
      let reserved: Slot | undefined;
      return execute((sql) => {
        reserved = slots.find((slot) => slot?.sql === sql);
        if (reserved) reserved.isReserved = true;
        return sql.begin(...transaction);
      }).finally(() => {
        if (reserved) reserved.isReserved = false;
      });
    },
    end: async (...how: Parameters<postgres.Sql['end']>) => {
      ended = true;
      await Promise.all(slots.flatMap((slot) => slot?.sql.end(...how) ?? []));
    },
    options: { ...template.options, max },
  };
  const sql = new Proxy(template, {
    // Only a tagged statement needs a connection; helpers such as sql('name') do not.
    apply: (_template, _this, [strings, ...values]: [TemplateStringsArray, ...never[]]): unknown =>
      'raw' in strings
        ? { then: lazily((sql) => sql(strings, ...values)) }
        : template(strings, ...values),
    get: (_template, name): unknown => Reflect.get(name in replaced ? replaced : template, name),
  });
  const usage = (): Usage => ({ connections: sockets.size, statements: statementCount });
  return { sql, usage };
}

/** The statement object of postgres.js, whose types omit `state`. */
type Query<Answer> = PromiseLike<Answer> & { state?: { pid: number; secret: number } | null };
