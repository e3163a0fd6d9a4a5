import { sql } from 'drizzle-orm';
import type { Database } from '../db/client.js';
import {
  ASSET_ID_EXAMPLE,
  EMPTY_FOLDER_EXAMPLE,
  FOLDER_EXAMPLE,
  FOLDER_ID_EXAMPLE,
} from '../examples.js';
import { assetsRepository } from '../repositories/assets/index.js';
import { type RepositoryContext, repositoryContext } from '../repositories/context.js';
import { episodesRepository } from '../repositories/episodes/index.js';
import { foldersRepository } from '../repositories/folders/index.js';
import { namespacesRepository } from '../repositories/namespaces/index.js';
import { spacesRepository } from '../repositories/spaces/index.js';

/** The caller of the demo data and of the token that the start prints. */
export const developer = { subject: 'developer', admin: false };

export const DEMO = 'demo';

/** Fills an empty database with demo data: the namespace and the space of the examples of the API document. */
export async function createDemo(db: Database): Promise<void> {
  const context = repositoryContext(db);
  const [existing] = await db.execute('select from namespaces limit 1');
  if (existing) return;
  const namespace = { slug: DEMO, name: 'Demo team', metadata: null };
  await namespacesRepository(context).create(developer, namespace, null);
  const space = {
    name: 'Robotics Lab',
    slug: 'robotics-lab',
    description: 'Main robotics project',
    tags: ['robotics'],
    metadata: null,
  };
  await spacesRepository(context).create(developer, DEMO, space, null);
  await createDemoContents(context);
}

/** Creates a recording session with the values of the examples of the API document, including their ids. */
async function createDemoContents(context: RepositoryContext): Promise<void> {
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
