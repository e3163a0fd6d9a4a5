import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { Parser } from 'tap-parser';
import { OUTPUT } from './build.js';

/** One more than two cores: many tests wait for a process or a time limit. */
const JOBS = 3;

/** Time for a file to report its own time limit, with what it waits for, before it is killed. */
const GRACE_S = 15;

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
 * The processes, and those they start, are plain Node.js: the loader that tap adds to each of them, to count the files
 * they read, took a third of the time of a small file.
 *
 * @returns whether all passed
 */
export async function runFiles(
  files: string[],
  { env, loader, timeoutS, countRequests }: RunOptions,
): Promise<boolean> {
  const processes = new Set<ChildProcess>();
  const waiting = [...files];
  // The caller cleans up after the files have ended.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      waiting.length = 0;
      for (const child of processes) child.kill(signal);
    });
  }

  const total = { passed: 0, failed: 0 };
  const unchecked: string[] = [];
  const runWaiting = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const start = performance.now();
      const child = spawn(process.execPath, ['--enable-source-maps', ...loader, file], {
        env: { ...process.env, TAP_TIMEOUT: String(timeoutS), TAP_FAIL_SKIP: '1', ...env },
        stdio: ['ignore', 'pipe', 'inherit'],
        timeout: (timeoutS + GRACE_S) * 1000,
        killSignal: 'SIGKILL',
      });
      processes.add(child);
      const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
      processes.delete(child);

      const { passed, failed } = count(output);
      const problems = failed > 0 ? failuresOf(output) : problemOf(child, passed);
      total.passed += passed;
      total.failed += failed > 0 ? failed : problems.length;
      const name = file.replace(`${OUTPUT}/`, '').replace('.test.js', '.test.ts');
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      const result = problems.length > 0 ? 'FAILED' : 'passed';
      console.log(`${result} ${name}: ${passed} assertions, ${seconds} s`);
      for (const line of problems) console.log(line);
      unchecked.push(...(output.match(/(?<=^ *# )NOT CHECKED.*$/gm) ?? []));
    }
  };
  await Promise.all(Array.from({ length: JOBS }, runWaiting));

  for (const what of unchecked) console.log(what);
  console.log(`${await countRequests()} HTTP requests`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0;
}

/** @returns how many assertions passed and failed in the output of a file */
function count(output: string): { passed: number; failed: number } {
  const counts = { passed: 0, failed: 0 };
  new Parser()
    .on('pass', () => (counts.passed += 1))
    .on('fail', () => (counts.failed += 1))
    .end(output);
  return counts;
}

/** @returns the lines of the assertions that failed, with their details, which stand between --- and three dots */
function failuresOf(output: string): string[] {
  let isFailing = false;
  return output.split('\n').filter((line) => {
    const start = line.trimStart();
    if (start.startsWith('not ok ')) isFailing = true;
    else if (/^(ok|# Subtest) /.test(start)) isFailing = false;
    const isShown = isFailing;
    if (start === '...') isFailing = false;
    return isShown;
  });
}

/** @returns what is wrong with a file without a failed assertion */
function problemOf({ exitCode, signalCode }: ChildProcess, passed: number): string[] {
  if (signalCode) return [`The process ended with ${signalCode}.`];
  if (exitCode !== 0) return [`The process ended with status ${exitCode}.`];
  return passed === 0 ? ['The file asserts nothing.'] : [];
}
