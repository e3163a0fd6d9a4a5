import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { poolerEnv } from './database.js';
import { beforeDeadline } from './wait.js';

/** Long, because a process starts slowly on a loaded machine. */
const OUTPUT_MS = 90_000;

export interface Running {
  child: ChildProcess;
  /** the output so far */
  output(): string;
  /** resolves when the output matches; rejects when the process ends first */
  waitFor(expression: RegExp): Promise<RegExpExecArray>;
  /** resolves with the exit code or the signal that ended it; rejects when it still runs at the deadline */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

/**
 * Starts a built program as a process, which is killed at the latest when
 * the test ends.
 *
 * @param options `cwd` is the folder it is started in, the checkout unless given
 */
export function startProgram(
  t: Test,
  [program, ...args]: [program: string, ...args: string[]],
  env: Record<string, string>,
  options: { cwd?: string } = {},
): Running {
  const { PATH = '', HOME = '', NODE_V8_COVERAGE } = process.env;
  const { NODE_OPTIONS = '', TEST_REQUESTS_FILE = '' } = process.env;
  const root = fileURLToPath(new URL('../../', import.meta.url));
  // Coverage needs the sources: c8 cannot map the lines of a bundle.
  const source = [`--import=${import.meta.resolve('tsx')}`, `${root}src/${program}.ts`];
  const command = NODE_V8_COVERAGE ? source : [`${root}dist/${program}.js`];
  const child = spawn(process.execPath, [...command, ...args], {
    ...options,
    env: {
      ...{ PATH, HOME, NODE_OPTIONS, TEST_REQUESTS_FILE },
      ...(NODE_V8_COVERAGE && { NODE_V8_COVERAGE }),
      ...poolerEnv,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const closed = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => {
      resolve(code ?? signal);
    });
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await closed;
  });

  function waitFor(expression: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = expression.exec(output);
        if (!match) return;
        clearTimeout(deadline);
        resolve(match);
      };
      const deadline = setTimeout(() => {
        reject(
          new Error(
            `Waited ${OUTPUT_MS} ms for ${program} to write ${String(expression)}: ${output}`,
          ),
        );
      }, OUTPUT_MS);
      void closed.finally(() => {
        clearTimeout(deadline);
      });
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      look();
      void closed.then(() => {
        look();
        reject(new Error(`${program} ended without ${String(expression)}: ${output}`));
      });
    });
  }

  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return {
    child,
    output: () => output,
    waitFor,
    get ended() {
      return beforeDeadline(`the end of ${program}`, closed);
    },
  };
}

/** Starts the service as a process; see `startProgram`. */
export function startServer(
  t: Test,
  env: Record<string, string>,
  options?: { cwd: string },
): Running {
  return startProgram(t, ['server'], env, options);
}
