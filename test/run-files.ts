import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { t as root, Test } from 'tap';
import { OUTPUT } from './build.js';

/** One more than two cores: many tests wait for a process or a time limit. */
const JOBS = 3;

export interface RunOptions {
  /** variables of the tests' processes, beside those of this one */
  env: Record<string, string>;
  /** arguments of Node.js that load the files, where they are not JavaScript */
  loader: string[];
  /** the most seconds without an end, of a file and of each test in it */
  timeoutS: number;
  /** counts the HTTP requests, when all files have ended */
  countRequests: () => Promise<number>;
}

/**
 * Runs each file of tests in a process of its own, and prints it when it ends, with its failures; at the end the checks
 * that were not made, the number of HTTP requests, and how many assertions passed and failed.
 *
 * The processes are plain Node.js: the loaders of tap's own command, which look for types, mocks and coverage, took
 * a third of the time of a small file.
 *
 * @returns whether all passed
 */
export async function runFiles(
  files: string[],
  { env, loader, timeoutS, countRequests }: RunOptions,
): Promise<boolean> {
  const suite = new Test({ name: 'files', jobs: JOBS });
  // Each file has a time limit of its own.
  for (const test of [root, suite]) test.setTimeout(0);
  const processes = new Set<ChildProcess>();
  suite.on('spawn', (spawned) => {
    spawned.on('process', (child: ChildProcess) => {
      processes.add(child);
      child.once('exit', () => processes.delete(child));
    });
  });
  const waiting = [...files];
  const runWaiting = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      await suite.spawn(process.execPath, ['--enable-source-maps', ...loader, file], {
        name: file.replace(`${OUTPUT}/`, '').replace('.test.js', '.test.ts'),
        env: { ...process.env, TAP_TIMEOUT: String(timeoutS), ...env },
        timeout: timeoutS * 1000,
        buffered: true,
        at: null,
      });
    }
  };
  // The caller cleans up after the files have ended.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      waiting.length = 0;
      for (const child of processes) child.kill(signal);
    });
  }
  void Promise.all(Array.from({ length: JOBS }, runWaiting)).then(() => suite.end());

  const unchecked: string[] = [];
  let failing = false;
  for await (const line of createInterface({ input: Readable.from(suite) })) {
    const text = line.trimStart();
    // The details of a failure follow it, between --- and three dots.
    if (text.startsWith('not ok ')) failing = true;
    if (failing || /^ok .* # time=/.test(line)) console.log(line);
    if (text === '...' || /^(ok|# Subtest) /.test(text)) failing = false;
    if (text.startsWith('# NOT CHECKED')) unchecked.push(text.slice(2));
  }
  for (const what of unchecked) console.log(what);
  console.log(`${await countRequests()} HTTP requests`);
  console.log(`${suite.counts.pass} passed, ${suite.counts.fail} failed`);
  return suite.passing();
}
