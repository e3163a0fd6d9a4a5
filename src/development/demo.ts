import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { sql } from 'drizzle-orm';
import type { TokenConfig } from '../config/load.js';
import type { Database } from '../db/client.js';
import {
  ASSET_ID_EXAMPLE,
  EMPTY_FOLDER_EXAMPLE,
  FOLDER_EXAMPLE,
  FOLDER_ID_EXAMPLE,
} from '../examples.js';
import { namespaceResolver } from '../repositories/access/index.js';
import { assetsRepository } from '../repositories/assets/index.js';
import type { ContentContext } from '../repositories/contents/operations.js';
import { spaceResolver } from '../repositories/contents/space-resolver.js';
import { episodesRepository } from '../repositories/episodes/index.js';
import { foldersRepository } from '../repositories/folders/index.js';
import { namespacesRepository } from '../repositories/namespaces/index.js';
import { PageCache } from '../repositories/lists/page-cache.js';
import { spacesRepository } from '../repositories/spaces/index.js';
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
  await createDemoContents({
    db,
    searchDb: db,
    resolveSpace: spaceResolver(db, resolveNamespace),
    pages: new PageCache(0),
  });
}

/** A recording session, as the examples of the API document have it, their ids included. */
async function createDemoContents(context: ContentContext): Promise<void> {
  const { db } = context;
  const caller = { principal: developer, path: { namespace: DEMO, space: 'robotics-lab' } };
  const folder = { path: EMPTY_FOLDER_EXAMPLE, metadata: null };
  await foldersRepository(context).create(caller, folder, null);
  await db.execute(
    sql`update folders set id = ${FOLDER_ID_EXAMPLE} where path = ${EMPTY_FOLDER_EXAMPLE}`,
  );
  await episodesRepository(context).upsert(
    caller,
    'run-0042',
    {
      folder: FOLDER_EXAMPLE,
      description: 'Pick and place, night shift',
      tags: ['night'],
      metadata: { robot: 'arm-7' },
    },
    { oneOf: null, noneOf: null },
    false,
    null,
  );
  const asset = { checksum: null, tags: [], metadata: null, episode: 'run-0042' };
  const uri = 's3://recordings/run-0042';
  await assetsRepository(context).create(
    caller,
    [
      {
        ...asset,
        path: '/camera/front.mp4',
        kind: 'video',
        uri: `${uri}/front.mp4`,
        contentType: 'video/mp4',
        sizeBytes: 734_003_200,
      },
      {
        ...asset,
        path: '/joints.csv',
        kind: 'text-track',
        uri: `${uri}/joints.csv`,
        contentType: 'text/csv',
        sizeBytes: 1_048_576,
      },
      {
        ...asset,
        episode: null,
        path: '/2026/calibration.json',
        kind: 'file',
        uri: 's3://recordings/calibration.json',
        contentType: 'application/json',
        sizeBytes: 4096,
      },
    ],
    'createAssets',
    null,
  );
  await db.execute(sql`
    update assets set id = ${ASSET_ID_EXAMPLE} where local_path = '/camera/front.mp4'`);
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
