import { connect, Socket } from 'node:net';
import type { Target } from '../../config/connection-string.js';
import type { Backend } from './slot.js';

/** How long PostgreSQL may take to accept a request to cancel; a host that does not is taken for lost. */
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

/** @returns a socket as postgres.js wants it: it names the server by it, and asks for its certificate */
export function openSocket({ host, port, path }: Target) {
  const socket = new ObservedSocket();
  if (path === null) socket.connect({ host, port, noDelay: true });
  else socket.connect(path);
  // Without an error postgres.js would take a connection that is closed while it is being made
  // for one to be made again at once, and its statement would wait for as long as that fails.
  socket.once('end', () =>
    socket.destroy(failure('CONNECTION_CLOSED', 'PostgreSQL has closed the connection')),
  );
  return Object.assign(socket, { host, port });
}

/** @returns whether the host has accepted the request to cancel the statement of a backend */
export function cancel({ host, port, path }: Target, { pid, secret }: Backend) {
  const request = Buffer.alloc(16);
  [16, CANCEL_REQUEST_CODE, pid, secret].forEach((value, index) =>
    request.writeUInt32BE(value, index * 4),
  );
  return new Promise<boolean>((resolve) => {
    const socket = path === null ? connect({ host, port }) : connect(path);
    socket.setTimeout(CANCEL_MS, () => socket.destroy(failure('ETIMEDOUT', 'No answer')));
    // The server closes the connection when it has done it.
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
