/** A client of a service that is killed repeatedly. */
import { setTimeout } from 'node:timers/promises';
import { fetchInTime } from '../helpers/fetch.js';
import { pick } from '../helpers/json.js';
import { beforeDeadline, waitForValue } from '../helpers/wait.js';

/** The longest time that the client waits for a response. */
const TIMEOUT_MS = 10_000;

/** The time between two attempts, in which the service starts. */
const BACKOFF_MS = 20;

export interface Seen {
  status: number;
  json: unknown;
  isReplayed: boolean;
}

export interface CrashClient {
  figures: Record<'requests' | 'unanswered' | 'rejected' | 'acknowledged' | 'replayed', number>;
  /** @returns null when there was no response, or one that asks to send again later */
  send(method: string, path: string, body?: object, key?: string): Promise<Seen | null>;
  /** sends a request repeatedly until it is answered */
  sendUntilAnswered(method: string, path: string, body?: object, key?: string): Promise<Seen>;
  /** resolves when so many more writes are acknowledged */
  acknowledges(count: number): Promise<void>;
}

/** @param port the current port of the service */
export function crashClient(port: () => number, authorization: string): CrashClient {
  const figures = { requests: 0, unanswered: 0, rejected: 0, acknowledged: 0, replayed: 0 };
  let onAcknowledged: () => void = () => undefined;

  const send: CrashClient['send'] = async (method, path, body, key) => {
    figures.requests += 1;
    try {
      const answer = await fetchInTime(`http://127.0.0.1:${port()}${path}`, {
        method,
        headers: {
          authorization,
          ...(body && { 'content-type': 'application/json' }),
          ...(key !== undefined && { 'idempotency-key': key }),
        },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await answer.text();
      const seen: Seen = {
        status: answer.status,
        json: text === '' ? undefined : JSON.parse(text),
        isReplayed: answer.headers.get('idempotent-replayed') === 'true',
      };
      const isBusy = pick(seen.json, 'code') === 'idempotency_key_in_use';
      if (seen.status !== 503 && !isBusy) {
        if (seen.isReplayed) figures.replayed += 1;
        if (seen.status < 300 && method !== 'GET') {
          figures.acknowledged += 1;
          onAcknowledged();
        }
        return seen;
      }
      figures.rejected += 1;
    } catch {
      figures.unanswered += 1;
    }
    await setTimeout(BACKOFF_MS);
    return null;
  };
  const sendUntilAnswered: CrashClient['sendUntilAnswered'] = (method, path, body, key) =>
    waitForValue(
      `a response to ${method} ${path}`,
      async () => (await send(method, path, body, key)) ?? undefined,
    );

  return {
    figures,
    send,
    sendUntilAnswered,
    acknowledges: (count) =>
      beforeDeadline(
        `${count} more acknowledged writes`,
        new Promise<void>((resolve) => {
          let left = count;
          onAcknowledged = () => {
            if ((left -= 1) === 0) resolve();
          };
        }),
      ),
  };
}
