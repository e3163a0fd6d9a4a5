import cluster, { type Worker } from 'node:cluster';
import type { AddressInfo } from 'node:net';

/** Delay before a worker that died is replaced, so that a crash at the start does not cause a busy loop. */
const REPLACE_MS = 1000;

export interface Workers {
  /** the address that all of them listen on */
  address: AddressInfo;
  /** Replaces the workers one after another; each new one listens before the old one stops. */
  restart(): Promise<void>;
  /** Stops the workers; resolves when all have ended. */
  stop(): Promise<void>;
}

/**
 * Runs several copies of this program that share one port. A worker that dies is replaced.
 *
 * @param count the number of workers
 * @param env environment variables of the workers, in addition to those of this process
 * @returns when all of them listen
 * @throws when a worker ends before it listens
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
  /** Replaces a worker that died. */
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
  if (!address) throw new RangeError('At least one worker is required');

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
      const restarted = restarting.then(restartAll);
      // The next replacement follows also a failed one, which only its caller reports.
      restarting = restarted.catch(() => undefined);
      return restarted;
    },
    stop,
  };
}

function listening(worker: Worker): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const ended = () => {
      reject(new Error('A worker ended before it listened. Its output contains the cause.'));
    };
    worker.once('exit', ended);
    worker.once('listening', ({ address, port, addressType }) => {
      worker.off('exit', ended);
      resolve({ address, port, family: addressType === 6 ? 'IPv6' : 'IPv4' });
    });
  });
}

/** Stops a worker, which finishes accepted requests within its own timeout. */
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
 * In a worker that no longer listens: resolves when the primary process has confirmed the disconnect, so that
 * all connections that it handed over have arrived. A worker that exits earlier would lose them.
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
