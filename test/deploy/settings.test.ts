/** The settings and times of the processes that `deploy/` starts are those of the service. */
import { readFile } from 'node:fs/promises';
import { test } from 'tap';
import { loadConfig } from '../../src/config/load.js';
import { Environment } from '../../src/config/schema.js';
import { constantOf } from './files.js';
import type { Program } from './image.js';
import { readDeployment } from './kubernetes.js';
import { environmentOf, programs, readUnit, unitProgram } from './programs.js';

/** Seconds in addition to the longest shutdown. */
const MARGIN = 5;

test('each process has known settings with valid values', async (t) => {
  const build = await readFile('esbuild.config.js', 'utf8');
  const entryPoints = /entryPoints: \[([^\]]*)\]/.exec(build)?.[1] ?? '';
  const all = await programs();
  t.equal(all.length, 6);
  for (const program of all) {
    const { title, env } = program;
    t.ok(entryPoints.includes(`'${program.program}'`), `${title}: ${program.program}`);
    const unknown = Object.keys(env).filter((name) => !(name in Environment.properties));
    t.same(unknown, [], title);
    const given = await environmentOf(t, program);
    const serves = program.program === 'server';
    // The migration process has no key for tokens.
    t.doesNotThrow(() => loadConfig(serves ? given : { ...given, NODE_ENV: '' }), title);
    if (!serves || title.endsWith('failover.yaml: spaces')) continue;
    t.equal(env['MIGRATE_ON_START'], 'false', `${title}: migrations have a process of their own`);
  }
});

test('the service rejects the secrets of the example', async (t) => {
  const { program } = await readDeployment();
  const given = await environmentOf(t, program, {});
  t.throws(() => loadConfig(given), { message: /JWT_SECRET_FILE cannot be used/ });
});

test('each process has the time that its shutdown needs', async (t) => {
  const drain = await constantOf('src/server.ts', 'DRAIN_MS');
  const needed = async (program: Program) => {
    const { shutdownDelayMs, workers } = loadConfig(await environmentOf(t, program));
    return (shutdownDelayMs + drain + (workers > 1 ? drain : 0)) / 1000 + MARGIN;
  };
  const { template, program } = await readDeployment();
  const grace = template.spec.terminationGracePeriodSeconds ?? 0;
  t.ok(grace >= (await needed(program)), `${grace} s in Kubernetes`);

  const unit = await readUnit();
  const [timeout] = unit('TimeoutStopSec');
  t.ok(Number(timeout) >= (await needed(await unitProgram())), `${timeout ?? ''} s of systemd`);
  // SIGUSR2 stops a service without workers, and a second SIGTERM ends a worker at once.
  const { workers } = loadConfig(await environmentOf(t, await unitProgram()));
  t.ok(workers > 1);
  t.same(unit('ExecReload'), ['kill -USR2 $MAINPID']);
  t.same(unit('KillMode'), ['mixed']);
});
