import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/**
 * The directory of the development database and secret, in the working directory, which with npm is the
 * checkout. Production does not read it.
 */
export const dataDirectory = resolve('.data');

/**
 * Reads the JWT secret of this checkout; generates it the first time.
 *
 * @throws when `.data/` cannot be written
 */
export async function developmentSecret(): Promise<string> {
  const file = join(dataDirectory, 'jwt-secret');
  try {
    return await readFile(file, 'utf8');
  } catch {
    await mkdir(dataDirectory, { recursive: true });
    const secret = randomBytes(48).toString('base64url');
    await writeFile(file, secret, { mode: 0o600, flag: 'wx' });
    return secret;
  }
}
