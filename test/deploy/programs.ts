/** Every process that a file of `deploy/` starts, and its environment. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { SECRET } from '../helpers/app.js';
import { composeFiles, composePrograms } from './compose.js';
import { assignments, type Program, programOf } from './image.js';
import { readDeployment, readJob } from './kubernetes.js';

const UNIT = 'deploy/systemd/spaces.service';

/** @returns the values of a directive of the unit, in their order */
export async function readUnit(): Promise<(directive: string) => string[]> {
  const lines = (await readFile(UNIT, 'utf8')).split('\n');
  return (directive) =>
    lines
      .filter((line) => line.startsWith(`${directive}=`))
      .map((line) => line.slice(directive.length + 1));
}

export async function unitProgram(): Promise<Program> {
  const unit = await readUnit();
  const { secret } = await readDeployment();
  const files = unit('LoadCredential').map((credential): [string, string] => {
    const [id = ''] = credential.split(':');
    return [`%d/${id}`, String(secret[id])];
  });
  return {
    title: UNIT,
    program: programOf(unit('ExecStart').join()),
    env: assignments(unit('Environment').join(' ')),
    files: Object.fromEntries(files),
  };
}

/**
 * @param contents other contents of the files, by the variable that names the file
 * @returns the environment of a program, with its files where a test can put them
 */
export async function environmentOf(
  t: Test,
  { env, files, title }: Program,
  contents: Record<string, string> = { JWT_SECRET_FILE: SECRET },
): Promise<Record<string, string>> {
  const directory = await mkdtemp(join(tmpdir(), 'spaces-deploy-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const given = { ...env };
  for (const [name, path] of Object.entries(env).filter(([name]) => name.endsWith('_FILE'))) {
    const text = files[path];
    if (text === undefined) throw new Error(`${title}: nothing puts a file at ${path}`);
    given[name] = join(directory, name);
    await writeFile(given[name], contents[name] ?? text);
  }
  return given;
}

export async function programs(): Promise<Program[]> {
  const compose = await Promise.all(composeFiles.map(composePrograms));
  return [
    (await readDeployment()).program,
    (await readJob()).program,
    await unitProgram(),
    ...compose.flat(),
  ];
}
