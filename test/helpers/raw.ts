import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Test } from 'tap';
import { beforeDeadline } from './wait.js';

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** A connection on which a test writes bytes that client libraries do not send. */
export interface RawConnection {
  socket: Socket;
  write(bytes: string | Buffer): void;
  /** resolves with all responses when the server has closed the connection */
  readonly closed: Promise<RawAnswer[]>;
  /** resolves when the server has sent more bytes */
  receives(): Promise<unknown>;
}

/** Connects to 127.0.0.1. */
export async function rawConnection(t: Test, port: number): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1' });
  await beforeDeadline('a connection', once(socket, 'connect'));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // The server may close during a write; the test reads the response.
  socket.on('error', () => undefined);
  const answers = new Promise((resolve) => socket.once('close', resolve)).then(() =>
    parseAnswers(Buffer.concat(chunks).toString()),
  );
  t.teardown(() => socket.destroy());
  return {
    socket,
    write: (bytes) => void socket.write(bytes),
    receives: () => beforeDeadline('bytes of the server', once(socket, 'data')),
    get closed() {
      return beforeDeadline('the server to close a connection', answers);
    },
  };
}

/** @returns the responses in a text that contains nothing else, each with its Content-Length */
function parseAnswers(text: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = text; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n');
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
    if (end === -1 || !status) throw new Error(`Not a response: ${rest}`);
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const length = Number(headers['content-length'] ?? 0);
    const body = rest.slice(end + 4, end + 4 + length);
    answers.push({ status, headers, body });
    rest = rest.slice(end + 4 + length);
  }
  return answers;
}
