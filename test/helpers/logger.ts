import { Writable } from 'node:stream';
import { type Logger, pino } from 'pino';
import { serializeError } from '../../src/http/observability/log-fields.js';

/** @returns a logger of every level with the server's serializers, and its lines */
export function memoryLogger(): { logger: Logger; text: () => string; lines: () => unknown[] } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return {
    logger: pino({ level: 'trace', serializers: { err: serializeError } }, stream),
    text: () => text,
    lines: () =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line): unknown => JSON.parse(line)),
  };
}
