import { readdir, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { test } from 'tap';

interface Source {
  text: string;
  /** the files of `src` that it imports */
  own: string[];
  /** the packages that it imports */
  packages: string[];
}

/** Every source file; static, dynamic and bare imports alike. */
async function sources(): Promise<Map<string, Source>> {
  const entries = await readdir('src', { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(
      files.map(async (file): Promise<[string, Source]> => {
        const text = await readFile(file, 'utf8');
        const specifiers = Array.from(
          text.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g),
          ([, specifier]) => String(specifier),
        );
        const own = specifiers
          .filter((specifier) => specifier.startsWith('.'))
          .map((path) => posix.join(posix.dirname(file), path.replace(/\.js$/, '.ts')));
        const packages = specifiers.filter((specifier) => !specifier.startsWith('.'));
        return [file, { text, own, packages }];
      }),
    ),
  );
}

/** From the top down; a floor may import what is below it. */
const floors = ['src/http/', 'src/repositories/', 'src/db/'];

/** Stand on no floor and import nothing of ours but one another; every floor may import them. */
const leaves = [
  'src/config/connection-string.ts',
  'src/config/checks.ts',
  'src/config/files.ts',
  'src/config/load.ts',
  'src/config/schema.ts',
  'src/errors.ts',
  'src/examples.ts',
  'src/failure.ts',
  'src/path.ts',
  'src/slug.ts',
  'src/version.ts',
];

test('imports go down only: http, repositories, db, leaf modules', async (t) => {
  for (const [file, { own }] of await sources()) {
    const floor = floors.findIndex((path) => file.startsWith(path));
    if (floor === -1) continue;
    const below = floors.slice(floor);
    const wrong = own.filter(
      (target) => !leaves.includes(target) && !below.some((path) => target.startsWith(path)),
    );
    t.same(wrong, [], file);
  }
});

/** Headers, paths and advice to callers: `src/http/errors` words the failures of repositories. */
const HTTP_WORDS =
  /\b(If-(None-)?Match|Idempotency-Key|Retry-After|Location)\b|\b(GET|POST|PUT|PATCH|DELETE) [/…]|\bSend\b/;

const withoutComments = (text: string) => text.replace(/\/\*[^]*?\*\/|\/\/.*/g, '');

test('only http uses terms of HTTP, and only the layers below use SQL', async (t) => {
  for (const [file, { text, own, packages }] of await sources()) {
    const speaks = (name: RegExp) => packages.some((specifier) => name.test(specifier));
    if (/^src\/(repositories|db)\//.test(file)) {
      t.notOk(speaks(/^(@?fastify\b|node:https?$)/), `${file}: HTTP`);
    }
    if (/^src\/(repositories|db)\//.test(file)) {
      t.notMatch(withoutComments(text), HTTP_WORDS, `${file}: words of HTTP`);
      t.notOk(own.includes('src/errors.ts'), `${file}: the problems of the API`);
    }
    if (file.startsWith('src/http/')) t.notOk(speaks(/^drizzle-orm/), `${file}: SQL`);
  }
});

test('the application is built in one place', async (t) => {
  const makers = [...(await sources())].filter(([, { text }]) => /\bfastify\(/.test(text));
  t.same(
    makers.map(([file]) => file),
    ['src/app.ts'],
  );
});

test('leaf modules import only leaf modules', async (t) => {
  const all = await sources();
  for (const leaf of leaves) {
    const others = all.get(leaf)?.own.filter((target) => !leaves.includes(target));
    t.same(others, [], leaf);
  }
});

/** Looks up `PATH` for the programs of the embedded PostgreSQL, and no setting. */
const STARTS_PROGRAMS = 'src/development/postgres/process.ts';

test('only the process and its commands read settings from the environment', async (t) => {
  for (const [file, { text }] of await sources()) {
    if (file === 'src/server.ts' || file.startsWith('src/commands/')) continue;
    if (file === STARTS_PROGRAMS) continue;
    t.notMatch(text, /process(\.env|\['env'\])|\benv\b.*'node:process'/, file);
  }
});
