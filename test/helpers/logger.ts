import { Writable } from 'node:stream';
import { type Logger, pino } from 'pino';
import { serializeError } from '../../src/http/observability/log-fields.js';

/** A logger of everything, as the server has it, and what it has written. */
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
