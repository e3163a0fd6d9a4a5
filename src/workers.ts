import cluster, { type Worker } from 'node:cluster';
import type { AddressInfo } from 'node:net';

/** How long a worker that died is waited for before another takes its place, so that none spin. */
const REPLACE_MS = 1000;

export interface Workers {
  /** where all of them listen */
  address: AddressInfo;
  /** Replaces each worker by a new one that listens already, one after another. */
  restart(): Promise<void>;
  /** Tells the workers to stop, and resolves when the last has. */
  stop(): Promise<void>;
}

/**
 * Runs copies of this program, one for each core say, that share one port. One that dies is replaced.
 *
 * @param count how many
 * @param env theirs, beside this process's own
 * @returns when all of them listen
 * @throws when one ends before it has listened
 */
export async function startWorkers(count: number, env: Record<string, string>): Promise<Workers> {
  const workers = new Set<Worker>();
  let stopping = false;

  const start = async (): Promise<AddressInfo> => {
    const worker = cluster.fork(env);
    workers.add(worker);
    try {
      return await listening(worker);
    } finally {
      if (worker.isDead()) workers.delete(worker);
      worker.once('exit', () => {
        if (workers.delete(worker)) replace();
      });
    }
  };
  /** Brings back one that died. */
  const replace = () => {
    if (stopping) return;
    setTimeout(() => {
      start().catch(replace);
    }, REPLACE_MS);
  };
  const stop = async () => {
    stopping = true;
    await Promise.all(Array.from(workers, end));
  };

  const [address] = await Promise.all(Array.from({ length: count }, start)).catch(
    async (error: unknown) => {
      await stop();
      throw error;
    },
  );
  if (!address) throw new RangeError('There has to be a worker');

  let restarting = Promise.resolve();
  const restartAll = async () => {
    for (const worker of Array.from(workers)) {
      if (stopping) return;
      await start();
      workers.delete(worker);
      await end(worker);
    }
  };
  return {
    address,
    restart() {
      restarting = restarting.then(restartAll);
      return restarting;
    },
    stop,
  };
}

function listening(worker: Worker): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const ended = () => {
      reject(new Error('A worker ended before it listened. Its own output says why.'));
    };
    worker.once('exit', ended);
    worker.once('listening', ({ address, port, addressType }) => {
      worker.off('exit', ended);
      resolve({ address, port, family: addressType === 6 ? 'IPv6' : 'IPv4' });
    });
  });
}

/** Lets a worker finish accepted requests, up to its own timeout. */
function end(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    if (worker.isDead()) {
      resolve();
      return;
    }
    worker.once('exit', () => {
      resolve();
    });
    worker.process.kill('SIGTERM');
  });
}

/**
 * In a worker that no longer listens: resolves when the primary process has confirmed it, and all connections
 * that it had handed over have arrived. A worker that exits earlier would lose them.
 */
export function disconnectFromPrimary(): Promise<void> {
  return new Promise((resolve) => {
    const { worker } = cluster;
    if (!worker?.isConnected()) {
      resolve();
      return;
    }
    worker.once('disconnect', resolve);
    worker.disconnect();
  });
}
