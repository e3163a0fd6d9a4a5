import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { TokenConfig } from './config.js';
import type { Database } from './db/client.js';
import { namespaceResolver } from './repositories/access.js';
import { namespacesRepository } from './repositories/namespaces.js';
import { spacesRepository } from './repositories/spaces.js';
import { signToken } from './token.js';

/**
 * Where development keeps its database and its secret: below the folder it is started in, which with
 * npm is the checkout. Nothing in production is read from it.
 */
export const dataDirectory = resolve('.data');

/** The caller of the demo data and of the token that the start prints. */
const developer = { subject: 'developer', admin: false };

const DEMO = 'demo';

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

/** Gives an empty database something to look at: the namespace and the space of the API reference. */
export async function createDemo(db: Database): Promise<void> {
  const resolveNamespace = namespaceResolver(db);
  const namespaces = namespacesRepository(db, resolveNamespace);
  const [existing] = await db.execute('select from namespaces limit 1');
  if (existing) return;
  await namespaces.create(developer, { slug: DEMO, name: 'Demo team', metadata: null }, null);
  const space = {
    name: 'Robotics Lab',
    slug: 'robotics-lab',
    description: 'Main robotics project',
    tags: ['robotics'],
    metadata: null,
  };
  await spacesRepository(db, resolveNamespace).create(developer, DEMO, space, null);
}

/**
 * What a newcomer needs to make the first calls.
 *
 * @param origin where the server listens, such as `http://127.0.0.1:3000`
 * @param token how tokens are checked; without a shared secret no token can be made
 * @param isOwn whether database and secret are those that the start made; else nobody is handed a token
 * @returns several lines
 */
export async function introduction(
  origin: string,
  token: TokenConfig,
  isOwn: boolean,
): Promise<string> {
  const where = `\n  API         ${origin}\n  Swagger UI  ${origin}/docs\n`;
  if (token.key instanceof URL) {
    return `${where}\n  Tokens come from the issuer whose keys are at ${token.key.href}\n`;
  }
  if (!isOwn) {
    return `${where}\n  A token: npm run token -- --sub ${developer.subject}, with the same JWT_SECRET set\n`;
  }
  const jwt = await signToken(token.key, {
    subject: developer.subject,
    issuer: token.issuer,
    audience: token.audience,
    expiresIn: '1 day',
  });
  const json = `-H 'content-type: application/json'`;
  return `${where}
A token for "${developer.subject}", valid for a day. Paste it behind "Authorize" in Swagger UI:

  ${jwt}

In a shell: list, create and update:

  export TOKEN=${jwt}

  curl -H "authorization: Bearer $TOKEN" ${origin}/namespaces/${DEMO}/spaces

  curl -H "authorization: Bearer $TOKEN" ${json} \\
    -d '{"name": "Field Tests"}' ${origin}/namespaces/${DEMO}/spaces

  curl -H "authorization: Bearer $TOKEN" ${json} -X PATCH \\
    -d '{"description": "Updated description"}' ${origin}/namespaces/${DEMO}/projects/robotics-lab
`;
}
