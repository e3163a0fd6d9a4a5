import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

/** The folder of the built tests. */
export const OUTPUT = '.tap/built';

/** Keeps `import.meta.url` what it is in the source: tests find files of the project by it. */
const keepUrls: Plugin = {
  name: 'keep-urls',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const url = JSON.stringify(pathToFileURL(path).href);
      return { contents: source.replaceAll('import.meta.url', url), loader: 'ts' };
    });
  },
};

/** @returns the chosen files of tests, or all of them */
export async function testsOf(chosen: string[]): Promise<string[]> {
  const all = await readdir('test', { recursive: true });
  const tests = all.filter((name) => name.endsWith('.test.ts')).map((name) => join('test', name));
  return chosen.length > 0 ? chosen : tests.toSorted();
}

/**
 * Builds tests to JavaScript.
 *
 * @param chosen files of tests; all of them when there are none
 * @returns the built files
 */
export async function buildTests(chosen: string[]): Promise<string[]> {
  const entryPoints = await testsOf(chosen);
  await rm(OUTPUT, { recursive: true, force: true });
  await build({
    entryPoints,
    outbase: '.',
    outdir: OUTPUT,
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    sourcemap: true,
    plugins: [keepUrls],
    logLevel: 'warning',
  });
  return entryPoints.toSorted().map((file) => join(OUTPUT, file.replace(/\.ts$/, '.js')));
}
