import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import type { Test } from 'tap';
import { portOf } from './issuer.js';
import { beforeDeadline } from './wait.js';

/** A Redis server without persistence. */
export interface RedisServer {
  url: string;
  /** starts it again after it was killed, on the same port */
  start(): Promise<void>;
  /** SIGKILL ends it, SIGSTOP makes it hang */
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
}

/** @returns a Redis that runs until the test ends, or null where none is installed */
export async function startRedis(t: Test): Promise<RedisServer | null> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const port = String(portOf(probe.address()));
  await once(probe.close(), 'close');

  const launch = async () => {
    const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', tmpdir()];
    const started = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(started, 'spawn');
    const ready = new Promise<void>((resolve, reject) => {
      started.stdout.on('data', (text: Buffer) => {
        if (text.includes('Ready to accept connections')) resolve();
      });
      started.once('exit', () => {
        reject(new Error('Redis ended during its start'));
      });
    });
    await beforeDeadline('the start of Redis', ready);
    return started;
  };
  try {
    let child = await launch();
    const redis: RedisServer = {
      url: `redis://127.0.0.1:${port}`,
      async start() {
        child = await launch();
      },
      async signal(name) {
        const ended = name === 'SIGKILL' ? once(child, 'exit') : undefined;
        child.kill(name);
        await beforeDeadline('the end of Redis', ended);
      },
    };
    t.teardown(() => child.kill('SIGKILL'));
    return redis;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
