import cluster from 'node:cluster';
import { type Logger, pino } from 'pino';
import { serializeError } from './http/observability/log-fields.js';
import { onShutdown } from './shutdown.js';

/** Lines are written together, because a write of its own for each costs more than making it. */
const BUFFERED = { sync: false, minLength: 4096, periodicFlush: 500 };

/**
 * Makes the logger of a process: JSON lines, or readable ones on a terminal.
 *
 * @param level the least level that is written
 */
export async function createLogger(level: string): Promise<Logger> {
  const options = {
    level,
    serializers: { err: serializeError },
    // Nothing logs a header; should that change, tokens still stay out of the log.
    redact: ['headers.authorization', 'req.headers.authorization'],
  };
  if (!process.stdout.isTTY) {
    const destination = pino.destination(BUFFERED);
    destination.on('error', stopWithoutReader);
    // At exit pino would flush forever to a pipe without a reader.
    onShutdown(
      () =>
        new Promise((resolve) => {
          destination.flush(resolve);
        }),
    );
    return pino(options, destination);
  }
  const { default: pretty } = await import('pino-pretty');
  return pino(options, pretty({ sync: true }));
}

/** The message of a worker whose output has no reader. */
export const UNREAD = 'spaces:unread';

let isUnread = false;

/** Stops the service when nobody reads its output any more; a second signal would end it at once. */
export function stopWithoutReader(): void {
  if (isUnread) return;
  isUnread = true;
  if (cluster.isWorker) process.send?.(UNREAD);
  else process.kill(process.pid, 'SIGTERM');
}
