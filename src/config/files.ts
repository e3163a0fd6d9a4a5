import { readFileSync } from 'node:fs';
import { MINIMUM_SECRET_BYTES } from './schema.js';

/** Variables that a file may hold instead, because an environment is easily read and cannot be changed. */
const inFiles: Record<string, (file: string) => string> = {
  DATABASE_URL: readDatabaseUrl,
  JWT_SECRET: (file) => readSecrets(file)[0],
};

/** @throws when the file cannot be read */
export function readDatabaseUrl(file: string): string {
  return readFileSync(file, 'utf8').trim();
}

/**
 * @returns the secrets in a file, one a line, blank lines left out: the first signs, all verify
 * @throws when the file cannot be read, holds none, or one of them is too short
 */
export function readSecrets(file: string): [string, ...string[]] {
  const [first, ...others] = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (first === undefined) throw new Error(`${file} holds no secret`);
  if ([first, ...others].some(isShort)) {
    throw new Error(`each secret in ${file} must have at least ${MINIMUM_SECRET_BYTES} bytes`);
  }
  return [first, ...others];
}

export function isShort(secret: string): boolean {
  return Buffer.byteLength(secret) < MINIMUM_SECRET_BYTES;
}

/** @returns the environment with the variables that `_FILE` has brought; failures go to `wrong` */
export function readFiles(given: NodeJS.ProcessEnv, wrong: string[]): NodeJS.ProcessEnv {
  const env = { ...given };
  for (const [name, read] of Object.entries(inFiles)) {
    const file = given[`${name}_FILE`];
    if (!file) continue;
    if (given[name]) wrong.push(`${name} and ${name}_FILE exclude each other: unset one.`);
    try {
      env[name] = read(file);
    } catch (error) {
      wrong.push(`${name}_FILE cannot be used: ${String(error)}.`);
    }
  }
  return env;
}
