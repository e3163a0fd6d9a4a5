import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import postgres from 'postgres';
import { isReadOnly, refusedSetting } from '../errors.js';
import type { PoolOptions } from './options.js';
import { type Backend, load, type Slot, type Statement, type Usage } from './slot.js';
import { cancel, failure, openSocket } from './socket.js';

/** Beside the time that PostgreSQL itself gives a statement: the way there and back. */
const MARGIN_MS = 250;

const SWEEP_MS = 100;

/** How long a failed connection waits for its next attempt. */
const RECONNECT_MS = 100;

/** Shortest time between two replacements of the pool because PostgreSQL rejects writes. */
const READ_ONLY_MS = 1000;

/** How often a backend that does not end is cancelled and looked for. */
const LOOK_MS = 500;

/** The age from which a connection is replaced when it is idle: between half of it and all of it. */
const LIFETIME_MS = 60 * 60_000;

/**
 * A pool of driver clients with one connection each. postgres.js reconnects with half-read and half-written
 * state of the lost connection, so that the new one can hang, or answer its first statement with the last
 * failure. Here a client whose connection ends is replaced, alone, and never reconnects.
 *
 * postgres.js sets no limit to the wait for a response, and that of PostgreSQL is useless once the server is
 * stopped or the network drops packets. So a statement that waits longer than PostgreSQL lets it run is
 * abandoned. Its connection counts until its backend is gone: the backend is cancelled and watched, so that
 * the server never has more connections than the pool. Where the host does not even accept that, all silent
 * connections are closed.
 */
export function openPool(poolOptions: PoolOptions) {
  const { max, statementTimeoutMs, driver, settings, findTarget } = poolOptions;
  const patience = statementTimeoutMs > 0 ? statementTimeoutMs + MARGIN_MS : Infinity;
  const drainSeconds = statementTimeoutMs / 1000;
  const template = postgres({ ...driver, max: 1 });
  const slots: (Slot | undefined)[] = Array.from({ length: max });
  const sockets = new Set<Socket>();
  let statementCount = 0;
  let ended = false;
  let sendsSettings = true;
  let connectAfter = -Infinity;
  let readOnlyAt = -Infinity;
  let timer: NodeJS.Timeout | undefined;

  /** @param before has to end first */
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
        // The driver would wait for ever for a socket that it was not given.
        setImmediate(lose, index, slot, error);
        throw error;
      }
    };
    const connection = { ...(sendsSettings && settings), ...driver.connection };
    const options = { ...driver, connection, max: 1, max_lifetime: null, socket: open };
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
    // Drizzle puts its own in there.
    Object.assign(slot.sql.options.parsers, template.options.parsers);
    Object.assign(slot.sql.options.serializers, template.options.serializers);
    slots[index] = slot;
    return slot;
  }

  /**
   * Removes a slot whose connection has ended. The driver rejects the statements in progress, and this those
   * not yet sent.
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

  /** Replaces a slot; its statements in progress are still answered. */
  function retire(index: number, slot: Slot): Slot {
    return openSlot(index, slot.sql.end({ timeout: drainSeconds }));
  }

  /** @returns the slot that does least, an open one where several do nothing; null where all are stuck */
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

  /** Runs a statement on the connection that does least; rejects once it has waited for too long. */
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
          // Nothing was run. Connections do without them from now on; `session.ts` reports what is missing.
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

  /** Another host may be the primary. */
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
      if (!slot.isStuck && oldest && now - oldest.since >= patience) giveUp(index, slot, oldest);
    }
    if (statementCount === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  }

  /** Gives up a statement, and with it its connection; those behind it have not been looked at. */
  function giveUp(index: number, slot: Slot, { backend, ...overdue }: Statement): void {
    slot.isStuck = true;
    const known = backend();
    const now = performance.now();
    overdue.giveUp(failure('ETIMEDOUT', 'PostgreSQL has not answered in time'));
    for (const { since, giveUp: reject } of slot.statements) {
      const code = now - since >= patience ? 'ETIMEDOUT' : 'CONNECTION_CLOSED';
      reject(failure(code, 'The connection to PostgreSQL was given up'));
    }
    void release(slot, known)
      .catch(() => undefined)
      .finally(() => {
        slot.socket?.destroy(failure('ETIMEDOUT', 'The connection to PostgreSQL was given up'));
        if (!slot.socket) lose(index, slot);
      });
  }

  /** Waits until the backend of a slot has ended its statement, or its host cannot be reached. */
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

  /** Closes connections that are as silent as a host that does not answer; they are cheaper made anew. */
  function closeSilent(): void {
    const now = performance.now();
    for (const slot of slots) {
      if (slot && now - slot.heardAt >= patience) {
        slot.socket?.destroy(failure('ETIMEDOUT', 'The connection to PostgreSQL is silent'));
      }
    }
  }

  /** @returns whether a backend is gone, as another connection sees it; ends one that only waits for its client */
  async function isGone({ pid }: Backend): Promise<boolean> {
    const other = slots.find((slot) => slot?.bytesRead && !slot.isStuck && !slot.isReserved);
    if (!other) return false;
    const look = other.sql`select pg_terminate_backend(pid) from pg_stat_activity where pid = ${pid}`;
    const rows = await Promise.race([look, setTimeout(LOOK_MS, null)]).catch(() => null);
    return rows?.length === 0;
  }

  /** @returns the method `then` of a statement, which postgres.js sends when it is first waited for */
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
    // A tagged statement; helpers such as sql('name') need no connection.
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
