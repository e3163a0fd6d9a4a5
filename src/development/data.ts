import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/**
 * Where development keeps its database and its secret: below the folder it is started in, which with
 * npm is the checkout. Nothing in production is read from it.
 */
export const dataDirectory = resolve('.data');

/**
 * The secret of the tokens of this checkout, made when there is none yet.
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
