/**
 * Runs the tests: `npm test`, or `npm test -- test/http/spaces.test.ts` for one file.
 *
 * Starts an embedded PostgreSQL (unless `TEST_DATABASE_URL` names a server whose user may create
 * databases), makes a migrated template that every test file clones, and removes both afterwards.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { startEmbeddedPostgres } from '../src/db/embedded.js';
import { migrate } from '../src/db/migrate.js';
import { databaseUrl } from './helpers/database.js';

/** Nothing here has to survive a power cut. */
const settings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
};

async function startServer(): Promise<{ url: string; stop: () => Promise<void> }> {
  const given = process.env['TEST_DATABASE_URL'];
  if (given) return { url: given, stop: () => Promise.resolve() };
  const directory = await mkdtemp(join(tmpdir(), 'spaces-test-'));
  // As root, PostgreSQL runs as another user, who has to reach it.
  await chmod(directory, 0o755);
  const server = await startEmbeddedPostgres({ directory, database: 'postgres', settings });
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
      await rm(server.directory, { recursive: true, force: true });
    },
  };
}

/** Where tap writes its output once more, for the last line of this run. */
const outputFile = join('.tap', 'output.tap');

/** Resolves with the exit code of tap. */
function runTap(env: Record<string, string>): Promise<number> {
  const program = join('node_modules', 'tap', 'dist', 'esm', 'run.mjs');
  const args = [program, `--output-file=${outputFile}`, ...process.argv.slice(2)];
  const tap = spawn(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  // Ctrl-C reaches tap by itself; this process has to outlive it to clean up.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => tap.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    tap.once('error', reject);
    tap.once('exit', (code) => {
      resolve(code ?? 1);
    });
  });
}

/**
 * @returns what the reporter may have kept to itself: what failed, each with the tests it is part of
 *   after it, and what was not checked; then how many assertions passed and failed, from the last line
 *   of tap's own summary
 */
async function summary(): Promise<string> {
  const output = await readFile(outputFile, 'utf8');
  const failures = Array.from(
    output.matchAll(/^( *)not ok .*\n(?:\1  ---\n[^]*?\n\1  \.\.\.\n)?/gm),
    ([failure]) => failure,
  );
  const unchecked = Array.from(output.matchAll(/^ *# (NOT CHECKED.*)$/gm), ([, line]) => line);
  const counts = /^# \{([^}]*)\}\s*(# time=.*\s*)?$/m.exec(output)?.[1] ?? '';
  const count = (name: string) => new RegExp(`${name}: (\\d+)`).exec(counts)?.[1] ?? '0';
  return [...failures, ...unchecked, `${count('pass')} passed, ${count('fail')} failed`].join('\n');
}

const server = await startServer();
const template = `spaces_template_${randomUUID().slice(0, 8)}`;
const admin = postgres(server.url, { max: 1, onnotice: () => undefined });
try {
  await admin`create database ${admin(template)}`;
  await migrate(databaseUrl(server.url, template));
  process.exitCode = await runTap({ TEST_SERVER_URL: server.url, TEST_TEMPLATE: template });
} finally {
  await admin`drop database if exists ${admin(template)}`;
  await admin.end();
  await server.stop();
}
console.log(await summary());
