import cluster from 'node:cluster';
import { setTimeout } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import { serializeError } from './http/observability/log-fields.js';
import { onShutdown } from './shutdown.js';

/** Maximum size of the lines that wait until the output accepts them; further ones are dropped. */
const BUFFER_MAX = 8 * 1024 * 1024;

/** Lines are buffered, because a separate write for each costs more than formatting it. */
const BUFFERED = { sync: false, minLength: 4096, periodicFlush: 500, maxLength: BUFFER_MAX };

/** Maximum time that a shutdown waits for the output to accept the last lines. */
const FLUSH_MS = 1000;

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
    destination.on('error', onOutputError);
    onShutdown(async () => {
      const flushed = new Promise((resolve) => {
        destination.flush(resolve);
      });
      await Promise.race([flushed, setTimeout(FLUSH_MS)]);
    });
    // pino calls it at exit, where it would retry forever while the output accepts nothing.
    destination.flushSync = () => undefined;
    const logger = pino(options, destination);
    reportDropped(destination, logger);
    return logger;
  }
  const { default: pretty } = await import('pino-pretty');
  return pino(options, pretty({ sync: true }));
}

/** Reports dropped lines: at once on standard error, and their number in the log when it is written again. */
function reportDropped(destination: ReturnType<typeof pino.destination>, logger: Logger): void {
  let dropped = 0;
  destination.on('drop', () => {
    if (dropped === 0) {
      console.error('The output does not accept the log: log and audit lines are dropped.');
    }
    dropped += 1;
  });
  destination.on('drain', () => {
    if (dropped === 0) return;
    logger.warn({ dropped }, 'log and audit lines were dropped, because the output accepted none');
    dropped = 0;
  });
}

/** The message of a worker to the primary process when nobody reads its output. */
export const UNREAD = 'spaces:unread';

/** The codes of a pipe, or a socket, whose reader has ended. */
const withoutReader = new Set(['EPIPE', 'ECONNRESET']);

let isUnread = false;
let hasFailed = false;

/** @returns whether the service stops because the reader of its output has ended */
export function hasLostReader(): boolean {
  return isUnread;
}

/**
 * Handles an error of the output. Without a reader the service stops; after any other error, such as a full
 * disk, it continues.
 */
export function onOutputError(error: NodeJS.ErrnoException): void {
  if (withoutReader.has(error.code ?? '')) {
    stopWithoutReader();
  } else if (!hasFailed) {
    hasFailed = true;
    console.error(`The log cannot be written, and the service continues: ${error.message}`);
  }
}

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
