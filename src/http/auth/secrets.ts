import { createHmac, timingSafeEqual } from 'node:crypto';
import { unwatchFile, watchFile } from 'node:fs';
import type { FastifyBaseLogger } from 'fastify';
import { readSecrets } from '../../config/files.js';

/** How often the file is polled; there are no change events for a mounted file. */
const LOOK_MS = 2_000;

/** The secrets of HS256 tokens. */
export interface Secrets {
  /** @returns the secret that signed the token; any of them when none did, so that verification fails */
  find(token: string): string;
  close(): void;
}

/** One secret that never changes. */
export function fixedSecret(secret: string): Secrets {
  return { find: () => secret, close: () => undefined };
}

/**
 * The secrets in a file, read again when it changes. An unreadable or invalid file is ignored, because a
 * half-written one must not lock out all callers.
 *
 * @param onChange called when the secrets have changed
 * @throws when the file is invalid at the first read
 */
export function secretsIn(file: string, onChange: () => void, log: FastifyBaseLogger): Secrets {
  let secrets = readSecrets(file);

  const look = () => {
    try {
      const now = readSecrets(file);
      if (now.join('\n') === secrets.join('\n')) return;
      secrets = now;
      onChange();
      log.info({ secrets: now.length }, 'The JWT secrets have changed');
    } catch (err) {
      log.error({ err }, 'JWT_SECRET_FILE cannot be read; the previous secrets stay valid');
    }
  };
  watchFile(file, { interval: LOOK_MS, persistent: false }, look);

  return {
    find: (token) => secrets.find((secret) => isSignedWith(secret, token)) ?? secrets[0],
    close: () => {
      unwatchFile(file, look);
    },
  };
}

/** Only selects the secret; the verifier checks the signature with it. */
function isSignedWith(secret: string, token: string): boolean {
  const end = token.lastIndexOf('.');
  const given = Buffer.from(token.slice(end + 1), 'base64url');
  const made = createHmac('sha256', secret)
    .update(token.slice(0, Math.max(end, 0)))
    .digest();
  return given.length === made.length && timingSafeEqual(given, made);
}
