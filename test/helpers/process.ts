import { type ChildProcess, spawn } from 'node:child_process';
import type { Test } from 'tap';

export interface Running {
  child: ChildProcess;
  /** all that it has written so far */
  output(): string;
  /** resolves when the output matches; rejects when the process ends first */
  waitFor(expression: RegExp): Promise<RegExpExecArray>;
  /** the exit code, or the signal that ended it */
  ended: Promise<number | NodeJS.Signals | null>;
}

/** Starts `src/server.ts` as a process of its own, killed at the latest when the test ends. */
export function startServer(t: Test, env: Record<string, string>): Running {
  const { PATH = '', HOME = '', NODE_V8_COVERAGE } = process.env;
  const child = spawn(process.execPath, ['--import=tsx', 'src/server.ts'], {
    env: { PATH, HOME, ...(NODE_V8_COVERAGE && { NODE_V8_COVERAGE }), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => {
      resolve(code ?? signal);
    });
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });

  function waitFor(expression: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = expression.exec(output);
        if (match) resolve(match);
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      look();
      void ended.then(() => {
        look();
        reject(new Error(`It ended without ${String(expression)}: ${output}`));
      });
    });
  }

  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return { child, output: () => output, waitFor, ended };
}
