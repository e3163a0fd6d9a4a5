import cluster from 'node:cluster';
import { type Logger, pino } from 'pino';
import { serializeError } from './http/observability/log-fields.js';
import { onShutdown } from './shutdown.js';

/** Lines are buffered, because a separate write for each costs more than formatting it. */
const BUFFERED = { sync: false, minLength: 4096, periodicFlush: 500 };

/**
 * Creates the logger of a process: JSON lines, or readable text on a terminal.
 *
 * @param level the minimum level
 */
export async function createLogger(level: string): Promise<Logger> {
  const options = {
    level,
    serializers: { err: serializeError },
    // A safeguard: headers are not logged at all.
    redact: ['headers.authorization', 'req.headers.authorization'],
  };
  if (!process.stdout.isTTY) {
    const destination = pino.destination(BUFFERED);
    destination.on('error', stopWithoutReader);
    // Flushed here, because at exit pino would retry forever to write to a pipe without a reader.
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

/** The message of a worker to the primary process when nobody reads its output. */
export const UNREAD = 'spaces:unread';

let isUnread = false;

/**
 * Stops the service when nobody reads its output any more. Sends one signal only, because a second one would
 * end it at once.
 */
export function stopWithoutReader(): void {
  if (isUnread) return;
  isUnread = true;
  if (cluster.isWorker) process.send?.(UNREAD);
  else process.kill(process.pid, 'SIGTERM');
}
