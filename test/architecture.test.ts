import { readdir, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { test } from 'tap';

/** Every source file with the files of `src` that it imports. */
async function imports(): Promise<Map<string, string[]>> {
  const entries = await readdir('src', { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(
      files.map(async (file): Promise<[string, string[]]> => {
        const text = await readFile(file, 'utf8');
        const found = Array.from(text.matchAll(/from '(\.[^']+)\.js'/g), ([, path]) =>
          posix.join(posix.dirname(file), `${String(path)}.ts`),
        );
        return [file, found];
      }),
    ),
  );
}

/** From the top down; a floor may import what is below it. */
const floors = ['src/http/', 'src/repositories/', 'src/db/'];

test('imports go down only: http, repositories, db', async (t) => {
  for (const [file, found] of await imports()) {
    const floor = floors.findIndex((path) => file.startsWith(path));
    const above = found.filter((target) =>
      floors.some((path, index) => target.startsWith(path) && index < floor),
    );
    t.same(above, [], file);
  }
});

test('the leaves import nothing of ours', async (t) => {
  const all = await imports();
  for (const leaf of ['src/config.ts', 'src/errors.ts', 'src/slug.ts', 'src/token.ts']) {
    t.same(all.get(leaf), [], leaf);
  }
});

/** Looks up `PATH` for the programs of the embedded PostgreSQL, and no setting. */
const STARTS_PROGRAMS = 'src/db/embedded/process.ts';

test('only the process and its commands read settings from the environment', async (t) => {
  for (const [file] of await imports()) {
    if (file === 'src/server.ts' || file.startsWith('src/commands/')) continue;
    if (file === STARTS_PROGRAMS) continue;
    t.notMatch(await readFile(file, 'utf8'), /process\.env\b/, file);
  }
});
