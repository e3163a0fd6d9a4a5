import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Candidate, startCandidate } from './processes.js';

const run = promisify(execFile);
const PACKAGES = ['bun', 'elysia', '@elysiajs/jwt'];

/** The longest time that the installation may take, in milliseconds. */
const INSTALL_TIMEOUT_MS = 120_000;

/**
 * Installs Bun and Elysia in a temporary directory and starts `bun-elysia.js`. The packages are not
 * dependencies of the project, because only this benchmark needs them.
 *
 * @param env the environment without PORT
 * @returns the candidate, or null with a line on standard error where the packages do not install
 */
export async function startBun(env: Record<string, string>): Promise<Candidate | null> {
  const directory = await mkdtemp(join(tmpdir(), 'spaces-bun-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefix', directory, ...PACKAGES], {
      timeout: INSTALL_TIMEOUT_MS,
    });
    const script = join(directory, 'server.js');
    await copyFile(fileURLToPath(new URL('bun-elysia.js', import.meta.url)), script);
    const program = join(directory, 'node_modules', '.bin', 'bun');
    const candidate = await startCandidate('Bun + Elysia', [script], env, program);
    return {
      ...candidate,
      stop: async () => {
        await candidate.stop();
        await remove();
      },
    };
  } catch (error) {
    process.stderr.write(`Bun + Elysia is left out: ${String(error)}\n`);
    await remove();
    return null;
  }
}
