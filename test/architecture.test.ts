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

/** Reads every source file with its static, dynamic and bare imports. */
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

/** The layers from top to bottom; each may import those below it. */
const layers = ['src/http/', 'src/repositories/', 'src/db/'];

/** The modules outside of the layers, which import only each other; every layer may import them. */
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

test('a file of http, repositories or db imports only its layer, lower layers and leaf modules', async (t) => {
  const all = await sources();
  for (const path of layers) {
    t.ok(
      [...all.keys()].some((file) => file.startsWith(path)),
      `${path} has files`,
    );
  }
  for (const [file, { own }] of all) {
    const layer = layers.findIndex((path) => file.startsWith(path));
    if (layer === -1) continue;
    const below = layers.slice(layer);
    const wrong = own.filter(
      (target) => !leaves.includes(target) && !below.some((path) => target.startsWith(path)),
    );
    t.same(wrong, [], file);
  }
});

/** Headers, paths and advice to callers, which only `src/http` contains. */
const HTTP_WORDS =
  /\b(If-(None-)?Match|Idempotency-Key|Retry-After|Location)\b|\b(GET|POST|PUT|PATCH|DELETE) [/…]|\bSend\b/;

const withoutComments = (text: string) => text.replace(/\/\*[^]*?\*\/|\/\/.*/g, '');

test('only http uses terms of HTTP, and only the layers below use SQL', async (t) => {
  for (const [file, { text, own, packages }] of await sources()) {
    const imports = (name: RegExp) => packages.some((specifier) => name.test(specifier));
    if (/^src\/(repositories|db)\//.test(file)) {
      t.notOk(imports(/^(@?fastify\b|node:https?$)/), `${file}: HTTP`);
    }
    if (/^src\/(repositories|db)\//.test(file)) {
      t.notMatch(withoutComments(text), HTTP_WORDS, `${file}: words of HTTP`);
      t.notOk(own.includes('src/errors.ts'), `${file}: the problems of the API`);
    }
    if (file.startsWith('src/http/')) t.notOk(imports(/^drizzle-orm/), `${file}: SQL`);
  }
});

test('a request retries a statement at most a limited number of times', async (t) => {
  const endless = [...(await sources())].filter(
    ([file, { text }]) =>
      file.startsWith('src/repositories/') &&
      // Each batch of the retention erases rows.
      !file.startsWith('src/repositories/retention/') &&
      /\bfor \(;;\)|\bwhile \(true\)/.test(text),
  );
  t.same(
    endless.map(([file]) => file),
    [],
  );
});

test('the application is built in one place', async (t) => {
  const builders = [...(await sources())].filter(([, { text }]) => /\bfastify\(/.test(text));
  t.same(
    builders.map(([file]) => file),
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

/** The file that reads `PATH` for the programs of the embedded PostgreSQL, but no setting. */
const STARTS_PROGRAMS = 'src/development/postgres/process.ts';

test('only the process and its commands read settings from the environment', async (t) => {
  for (const [file, { text }] of await sources()) {
    if (file === 'src/server.ts' || file.startsWith('src/commands/')) continue;
    if (file === STARTS_PROGRAMS) continue;
    t.notMatch(text, /process(\.env|\['env'\])|\benv\b.*'node:process'/, file);
  }
});
