import { connect, Socket } from 'node:net';
import type { Target } from '../../config/connection-string.js';
import type { Backend } from './slot.js';

/** Timeout of a cancel request; after it the host counts as unreachable. */
const CANCEL_MS = 500;

/** https://www.postgresql.org/docs/current/protocol-message-formats.html, CancelRequest */
const CANCEL_REQUEST_CODE = 80_877_102;

/** A socket that reports its closing, even after the driver has removed all listeners. */
class ObservedSocket extends Socket {
  onClosed: () => void = () => undefined;

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    super._destroy(error, (failure) => {
      done(failure);
      this.onClosed();
    });
  }
}

/**
 * @returns a socket with `host` and `port`, by which postgres.js names the server and verifies its certificate
 */
export function openSocket({ host, port, path }: Target) {
  const socket = new ObservedSocket();
  if (path === null) socket.connect({ host, port, noDelay: true });
  else socket.connect(path);
  // When a connection closes without an error while it is being opened, postgres.js retries at once, and the
  // statement waits as long as the attempts fail.
  socket.once('end', () =>
    socket.destroy(failure('CONNECTION_CLOSED', 'PostgreSQL has closed the connection')),
  );
  return Object.assign(socket, { host, port });
}

/** Sends a cancel request. @returns whether the host accepted it */
export function cancel({ host, port, path }: Target, { pid, secret }: Backend) {
  const request = Buffer.alloc(16);
  [16, CANCEL_REQUEST_CODE, pid, secret].forEach((value, index) =>
    request.writeUInt32BE(value, index * 4),
  );
  return new Promise<boolean>((resolve) => {
    const socket = path === null ? connect({ host, port }) : connect(path);
    socket.setTimeout(CANCEL_MS, () => socket.destroy(failure('ETIMEDOUT', 'No response')));
    // The server closes the connection after it has handled the request.
    socket.once('end', () => {
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
    socket.once('close', () => {
      resolve(false);
    });
    socket.write(request);
    socket.resume();
  });
}

export function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
