import type { Send } from '../app.js';
import { ASSET, FOLDER, GONE_ASSET } from '../seed.js';
import { mergePatch, type Operation } from './operation.js';

type Described = Pick<Operation, 'id' | 'status'> & {
  /** tells requests of one operation apart */
  which?: string;
  method: Send['method'];
  /** the path after that of the space */
  path: string;
  body?: object;
  headers?: Record<string, string>;
};

const newAsset = { kind: 'video', uri: 's3://bucket/new.mp4' };
const metadata = { metadata: { team: 'a' } };

const described: Described[] = [
  { id: 'listFolders', status: 200, method: 'GET', path: '/folders' },
  { id: 'createFolder', status: 201, method: 'POST', path: '/folders', body: { path: '/a/b' } },
  { id: 'getFolder', status: 200, method: 'GET', path: `/folders/${FOLDER}` },
  {
    id: 'updateFolder',
    status: 200,
    method: 'PATCH',
    path: `/folders/${FOLDER}`,
    body: { path: '/moved/here' },
  },
  {
    id: 'updateFolder',
    which: 'merge patch',
    status: 200,
    method: 'PATCH',
    path: `/folders/${FOLDER}`,
    body: metadata,
    headers: mergePatch,
  },
  { id: 'deleteFolder', status: 204, method: 'DELETE', path: `/folders/${FOLDER}` },
  { id: 'listEpisodes', status: 200, method: 'GET', path: '/episodes' },
  {
    id: 'upsertEpisode',
    status: 201,
    method: 'POST',
    path: '/episodes',
    body: { name: 'new', folder: '/made' },
  },
  {
    id: 'upsertEpisode',
    which: 'existing',
    status: 200,
    method: 'POST',
    path: '/episodes',
    body: { name: 'run', status: 'completed' },
  },
  { id: 'getEpisode', status: 200, method: 'GET', path: '/episodes/run' },
  {
    id: 'updateEpisode',
    status: 200,
    method: 'PATCH',
    path: '/episodes/run',
    body: { folder: '/other' },
  },
  {
    id: 'updateEpisode',
    which: 'merge patch',
    status: 200,
    method: 'PATCH',
    path: '/episodes/run',
    body: metadata,
    headers: mergePatch,
  },
  { id: 'deleteEpisode', status: 204, method: 'DELETE', path: '/episodes/run' },
  { id: 'restoreEpisode', status: 200, method: 'POST', path: '/episodes/gone/restore' },
  { id: 'listAssets', status: 200, method: 'GET', path: '/assets' },
  {
    id: 'createAsset',
    status: 201,
    method: 'POST',
    path: '/assets',
    body: { ...newAsset, path: '/new.mp4', episode: 'run' },
  },
  {
    id: 'createAssets',
    status: 201,
    method: 'POST',
    path: '/assets/batch',
    body: {
      assets: [
        { ...newAsset, path: '/new.mp4', episode: 'run' },
        { ...newAsset, path: '/clips/new.mp4' },
      ],
    },
  },
  { id: 'getAsset', status: 200, method: 'GET', path: `/assets/${ASSET}` },
  {
    id: 'updateAsset',
    status: 200,
    method: 'PATCH',
    path: `/assets/${ASSET}`,
    body: { path: '/moved/file.txt' },
  },
  {
    id: 'updateAsset',
    which: 'merge patch',
    status: 200,
    method: 'PATCH',
    path: `/assets/${ASSET}`,
    body: metadata,
    headers: mergePatch,
  },
  { id: 'deleteAsset', status: 204, method: 'DELETE', path: `/assets/${ASSET}` },
  { id: 'restoreAsset', status: 200, method: 'POST', path: `/assets/${GONE_ASSET}/restore` },
];

/** The operations on the contents of a space, under one of its two nouns. */
export function contentOperations(noun: 'spaces' | 'projects'): Operation[] {
  return described.map(({ id, which, status, method, path, body, headers }) => ({
    title: [id, noun, which].filter((part) => part !== undefined).join(', '),
    id,
    scope: method === 'GET' ? 'spaces:read' : 'spaces:write',
    role: method === 'GET' ? 'viewer' : 'editor',
    status,
    request: (namespace) => ({
      method,
      path: `/namespaces/${namespace}/${noun}/lab${path}`,
      ...(body && { body }),
      ...(headers && { headers }),
    }),
  }));
}
