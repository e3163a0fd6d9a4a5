import { execFileSync } from 'node:child_process';
import type { Test } from 'tap';
import { SECRET } from './app.js';
import { createDatabase } from './database.js';
import { startServer } from './process.js';

/**
 * Starts a service of two workers.
 *
 * @param token the settings of its tokens
 */
export async function startWorkers(
  t: Test,
  token: Record<string, string> = { JWT_SECRET: SECRET },
) {
  const process = startServer(t, {
    DATABASE_URL: await createDatabase(t),
    ...token,
    NODE_ENV: 'production',
    SHUTDOWN_DELAY_MS: '0',
    PORT: '0',
    METRICS_PORT: '0',
    WORKERS: '2',
  });
  const [, port] = await process.waitFor(/listening at http:\/\/127\.0\.0\.1:(\d+)/);
  // The first process logs its own address last.
  const [, metricsPort] = await process.waitFor(
    new RegExp(`listening at http://127\\.0\\.0\\.1:(?!${port}\\b)(\\d+)`),
  );
  const pids = () => workersOf(process.child.pid);
  return { process, port: Number(port), metricsPort: Number(metricsPort), pids };
}

/** Filters by program, because the TypeScript loader of a coverage run starts another child process. */
function workersOf(parent: number | undefined): number[] {
  return execFileSync('ps', ['-eo', 'pid=,ppid=,args='])
    .toString()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, ppid]) => ppid === String(parent))
    .filter((words) => words.some((word) => /\/server\.[jt]s$/.test(word)))
    .map(([pid]) => Number(pid));
}
