import { connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { portOf } from './issuer.js';

/** The parameters that PgBouncer tracks for each client, or accepts from all of them. */
const TRACKED = new Set([
  'application_name',
  'client_encoding',
  'database',
  'DateStyle',
  'standard_conforming_strings',
  'TimeZone',
  'user',
]);

/** https://www.postgresql.org/docs/current/protocol-message-formats.html, StartupMessage */
const PROTOCOL_VERSION = 196_608;

/**
 * Starts a pooler that rejects settings of a connection as PgBouncer does. Each connection has its own session.
 *
 * @returns the URL of the database through it
 */
export async function startRefusingPooler(t: Test, databaseUrl: string): Promise<string> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => undefined);
    client.once('data', (startup: Buffer) => {
      const rejected = untrackedIn(startup);
      if (rejected !== undefined) {
        client.end(errorResponse(rejected));
        return;
      }
      const upstream = connect(Number(target.port), target.hostname);
      sockets.add(upstream);
      upstream.on('error', () => client.destroy());
      upstream.write(startup);
      client.pipe(upstream).pipe(client);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(portOf(server.address()));
  return url.href;
}

/** @returns the first setting of a startup message that is not tracked */
function untrackedIn(startup: Buffer): string | undefined {
  if (startup.readUInt32BE(4) !== PROTOCOL_VERSION) return undefined;
  const texts = startup.subarray(8).toString().split('\0');
  return texts.find((text, index) => index % 2 === 0 && text !== '' && !TRACKED.has(text));
}

/** The message ErrorResponse with the fields that PgBouncer sends. */
function errorResponse(setting: string): Buffer {
  const fields = ['SFATAL', 'C08P01', `Munsupported startup parameter: ${setting}`, ''];
  const body = Buffer.from(fields.map((field) => `${field}\0`).join(''));
  const head = Buffer.from('E\0\0\0\0');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
