/**
 * A process that generates load and measures response times by status, which wrk does not. It implements a minimum of
 * HTTP on sockets, to use little of the machine that it shares with the service.
 */
import { connect, type Socket } from 'node:net';
import { percentile99 } from './median.js';

export interface LoadPlan {
  port: number;
  path: string;
  token: string;
  seconds: number;
  /** connections, each with one request at a time */
  clients: number;
  /** requests per second; null to make each client send when its last request is answered */
  rate: number | null;
}

/** Numbers per second, without a unit. */
export interface LoadResult {
  good: number;
  /** with 503 */
  rejected: number;
  /** due while every connection waited for a response; 0 without a rate */
  unsent: number;
  /** the number of other responses and broken connections */
  failures: number;
  /** the 99th percentile of good responses, in milliseconds */
  p99Ms: number;
  /** the delay of due requests by the load generator itself, in milliseconds */
  lateMs: number;
}

const HEAD_END = '\r\n\r\n';

interface Client {
  socket: Socket;
  /** called with each response; the first is that to the greeting */
  greeted: () => void;
  since: number;
  /** remaining bytes; null while the header section is incomplete */
  left: number | null;
  head: string;
  status: number;
}

/** Generates load for the given time. */
export async function generateLoad(load: LoadPlan): Promise<LoadResult> {
  const { port, path, token, seconds, clients: count, rate } = load;
  const request = `GET ${path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${token}${HEAD_END}`;
  // A first request, because the kernel accepts a connection before Node does.
  const greeting = `GET /livez HTTP/1.1\r\nHost: bench${HEAD_END}`;
  const times: number[] = [];
  const delays: number[] = [];
  const idle: Client[] = [];
  const counts = { good: 0, rejected: 0, unsent: 0, failures: 0 };
  let running = false;

  const send = (client: Client, since: number) => {
    client.since = since;
    client.socket.write(request);
  };
  const answered = (client: Client) => {
    client.greeted();
    if (!running) return;
    const now = performance.now();
    if (client.status === 200) {
      counts.good += 1;
      times.push(now - client.since);
    } else if (client.status === 503) counts.rejected += 1;
    else counts.failures += 1;
    if (rate === null) send(client, now);
    else idle.push(client);
  };
  const read = (client: Client, bytes: Buffer) => {
    if (client.left === null) {
      client.head += bytes.toString('latin1');
      const end = client.head.indexOf(HEAD_END);
      if (end === -1) return;
      const [, status, length] =
        /^HTTP\/1\.1 (\d+)[^]*?content-length: (\d+)/i.exec(client.head) ?? [];
      client.status = Number(status);
      client.left = end + HEAD_END.length + Number(length) - client.head.length;
      client.head = '';
    } else client.left -= bytes.length;
    if (client.left > 0) return;
    client.left = null;
    answered(client);
  };
  const open = () =>
    new Promise<Client>((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const client: Client = {
        socket,
        since: 0,
        left: null,
        head: '',
        status: 0,
        greeted: () => {
          resolve(client);
        },
      };
      socket.write(greeting);
      socket.on('data', (bytes) => {
        read(client, bytes);
      });
      socket.on('error', reject);
      socket.once('close', () => {
        if (running) counts.failures += 1;
      });
    });

  const clients = await Promise.all(Array.from({ length: count }, open));
  running = true;
  const begun = performance.now();
  const end = begun + seconds * 1000;
  if (rate === null) for (const client of clients) send(client, performance.now());
  else idle.push(...clients);
  for (let due = 0, now = begun; now < end; now = performance.now()) {
    for (; rate !== null && begun + (due / rate) * 1000 < now; due += 1) {
      const client = idle.pop();
      if (client) {
        send(client, now);
        delays.push(now - begun - (due / rate) * 1000);
      } else counts.unsent += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  running = false;
  const elapsed = (performance.now() - begun) / 1000;
  for (const { socket } of clients) socket.destroy();
  return {
    good: counts.good / elapsed,
    rejected: counts.rejected / elapsed,
    unsent: counts.unsent / elapsed,
    failures: counts.failures,
    p99Ms: percentile99(times),
    lateMs: percentile99(delays),
  };
}

process.on('message', (load: LoadPlan) => {
  void generateLoad(load).then((result) => process.send?.(result));
});
