/** Reads a written resource back and compares it with the request and the response. */
import { isDeepStrictEqual } from 'node:util';
import type { Answer, Client } from '../helpers/app.js';
import { pick, pickString } from '../helpers/json.js';
import type { Request } from './requests.js';

/** @returns the difference between the effect of a write and its request, or null */
export async function readBack(
  reader: Pick<Client, 'send'>,
  { method, path, headers, body }: Request,
  answer: Answer,
): Promise<string | null> {
  if (method === 'get' || answer.headers['idempotent-replayed'] === 'true') return null;
  const get = (at: string) => reader.send({ method: 'GET', path: at });
  const resource = path.replace(/\/?(\?.*)?$/s, '');

  if (/\/members\//.test(resource)) {
    const [, namespace = '', subject = ''] = /^(.*)\/members\/(.*)$/.exec(resource) ?? [];
    const { json } = await get(`${namespace}/members?pageSize=200`);
    const members = pick(json, 'members');
    const found: unknown = Array.isArray(members)
      ? members.find((member: unknown) => pick(member, 'subject') === decodeURIComponent(subject))
      : undefined;
    if (method === 'delete')
      return found === undefined ? null : 'The removed member is still listed';
    return isDeepStrictEqual(found, answer.json) &&
      pick(found, 'role') === pick(JSON.parse(body ?? ''), 'role')
      ? null
      : `The member reads ${JSON.stringify(found)}`;
  }
  if (method === 'delete') {
    return (await get(resource)).status === 404 ? null : 'The deleted resource still exists';
  }

  const content = /^\/namespaces\/[^/]+\/[^/]+\/[^/]+\/(folders|episodes|assets)/.exec(resource);
  if (content) {
    const [collection, kind = ''] = content;
    const isBatch = resource.endsWith('/batch');
    const isMerge = isMergePatch(headers);
    const answered = isBatch ? listOf(pick(answer.json, 'assets')) : [answer.json];
    const written: unknown =
      body === undefined || resource.endsWith('/restore') ? {} : JSON.parse(body);
    const sent = isBatch ? listOf(pick(written, 'assets')) : [written];
    for (const [index, item] of answered.entries()) {
      const key = kind === 'episodes' ? pickString(item, 'name') : pickString(item, 'id');
      const at = `${collection}/${encodeURIComponent(key)}`;
      const difference = await differsFrom(get, at, item, sent[index], isMerge);
      if (difference !== null) return difference;
    }
    return answered.length === sent.length ? null : `The response has ${answered.length} items`;
  }

  if (resource.endsWith('/batch')) {
    const collection = resource.replace(/\/batch$/, '');
    const sent = listOf(pick(JSON.parse(body ?? ''), 'spaces'));
    const created = listOf(pick(answer.json, 'spaces'));
    if (created.length !== sent.length) return `The response has ${created.length} items`;
    for (const [index, space] of created.entries()) {
      const at = `${collection}/${pickString(space, 'slug')}`;
      const difference = await differsFrom(get, at, space, sent[index], false);
      if (difference !== null) return difference;
    }
    return isListed(get, collection, created.at(-1));
  }

  const restored = resource.replace(/\/restore$/, '');
  const isSpace = restored.split('/').length > 3;
  const collection = isSpace ? restored.split('/').slice(0, 4).join('/') : '/namespaces';
  const isMerge = isMergePatch(headers);
  // A restored or existing resource differs from the request.
  const isSent = resource === restored && !(method === 'put' && answer.status === 200);
  const sent: unknown = isSent ? JSON.parse(body ?? '') : {};
  const at = `${collection}/${pickString(answer.json, 'slug')}`;
  const difference = await differsFrom(get, at, answer.json, sent, isMerge);
  if (difference !== null) return difference;
  const isNew = isSpace && isSent && answer.status === 201;
  return isNew ? isListed(get, collection, answer.json) : null;
}

function isMergePatch(headers: Request['headers']): boolean {
  return headers['content-type']?.toLowerCase().startsWith('application/merge-patch+json') ?? false;
}

export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** @returns the difference between a resource, read again, and its response or its request, or null */
async function differsFrom(
  get: (path: string) => Promise<Answer>,
  at: string,
  answered: unknown,
  sent: unknown,
  isMerge: boolean,
): Promise<string | null> {
  const itself = await get(at);
  const now = JSON.parse(itself.text) as unknown;
  for (const [key, value] of Object.entries(Object(answered) as object)) {
    if (!isDeepStrictEqual(pick(now, key), value)) return `Read again, it is ${itself.text}`;
  }
  for (const [key, value] of Object.entries(Object(sent) as object)) {
    const written = pick(now, key);
    const isAsSent =
      key === 'metadata' && isMerge && value !== null
        ? isMerged(written, value)
        : isDeepStrictEqual(written, normalised(key, value, written));
    if (!isAsSent) return `${key} reads ${JSON.stringify(written)}`;
  }
  return null;
}

/** @returns the stored form of a value */
function normalised(key: string, sent: unknown, written: unknown): unknown {
  if (key === 'name' && typeof sent === 'string') return sent.normalize('NFC').trim();
  if (key === 'description' && typeof sent === 'string') return sent.normalize('NFC');
  if (key === 'tags' && Array.isArray(sent)) {
    return sent.map((tag: unknown) => String(tag).normalize('NFC').trim());
  }
  if (key === 'tags' && sent === null) return [];
  if ((key === 'path' || key === 'folder') && typeof sent === 'string') {
    return sent
      .normalize('NFC')
      .split('/')
      .map((segment) => segment.trim())
      .join('/');
  }
  if (key === 'episode' && typeof sent === 'string') return sent.normalize('NFC').trim();
  // A slug that is null is derived from the name.
  if (key === 'slug' && sent === null) return written;
  // JSON.stringify writes -0 as 0.
  return sent === undefined ? undefined : (JSON.parse(JSON.stringify(sent)) as unknown);
}

/** @returns whether a second application of a merge patch (RFC 7396) would change nothing */
function isMerged(target: unknown, patch: unknown): boolean {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) {
    return isDeepStrictEqual(target, JSON.parse(JSON.stringify(patch)));
  }
  if (typeof target !== 'object' || target === null || Array.isArray(target)) return false;
  return Object.entries(patch).every(([key, value]) =>
    value === null ? !Object.hasOwn(target, key) : isMerged(Reflect.get(target, key), value),
  );
}

/** @returns the difference between the last item of the list and the created space, or null */
async function isListed(
  get: (path: string) => Promise<Answer>,
  collection: string,
  created: unknown,
): Promise<string | null> {
  const total = Number(pick((await get(`${collection}?pageSize=1`)).json, 'total'));
  const item = pick((await get(`${collection}?pageSize=1&page=${total}`)).json, 'spaces', 0);
  return ['id', 'name', 'slug', 'description', 'tags'].every((key) =>
    isDeepStrictEqual(pick(item, key), pick(created, key)),
  )
    ? null
    : `The list shows ${JSON.stringify(item)}`;
}
