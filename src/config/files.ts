import { readFileSync } from 'node:fs';
import { MINIMUM_SECRET_BYTES } from './schema.js';

/**
 * Variables that can be set by a file instead: an environment is easy to read, and cannot change while the
 * process runs.
 */
const inFiles: Record<string, (file: string) => string> = {
  DATABASE_URL: readDatabaseUrl,
  JWT_SECRET: (file) => readSecrets(file)[0],
};

/** @throws when the file cannot be read */
export function readDatabaseUrl(file: string): string {
  return readFileSync(file, 'utf8').trim();
}

/**
 * @returns the secrets in a file, one per line, without blank lines: the first signs tokens, all of them verify
 * @throws when the file cannot be read, contains no secret, or contains one that is too short
 */
export function readSecrets(file: string): [string, ...string[]] {
  const [first, ...others] = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (first === undefined) throw new Error(`${file} contains no secret`);
  if ([first, ...others].some(isShort)) {
    throw new Error(`each secret in ${file} must have at least ${MINIMUM_SECRET_BYTES} bytes`);
  }
  return [first, ...others];
}

export function isShort(secret: string): boolean {
  return Buffer.byteLength(secret) < MINIMUM_SECRET_BYTES;
}

/**
 * @returns the environment with the values that `…_FILE` variables point to; adds messages about failures to
 * `wrong`
 */
export function readFiles(given: NodeJS.ProcessEnv, wrong: string[]): NodeJS.ProcessEnv {
  const env = { ...given };
  for (const [name, read] of Object.entries(inFiles)) {
    const file = given[`${name}_FILE`];
    if (!file) continue;
    if (given[name]) wrong.push(`${name} and ${name}_FILE are mutually exclusive: unset one.`);
    try {
      env[name] = read(file);
    } catch (error) {
      wrong.push(`${name}_FILE cannot be used: ${String(error)}.`);
    }
  }
  return env;
}
