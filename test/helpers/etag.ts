import type { Answer, Client, Send } from './app.js';
import type { Namespace } from './spaces.js';

export const mergePatch = { 'content-type': 'application/merge-patch+json' };

/** @throws when the response has no strong entity tag */
export function etagOf({ status, headers, text }: Answer): string {
  const { etag } = headers;
  if (typeof etag !== 'string' || !/^"[!#-~]+"$/.test(etag)) {
    throw new Error(`${status} has no strong ETag: ${text}`);
  }
  return etag;
}

/** @returns functions that send conditional requests as one caller */
export function conditional(client: Client) {
  const send = (
    method: Send['method'],
    path: string,
    headers: Record<string, string>,
    body?: unknown,
  ) => client.send({ method, path, headers, ...(body !== undefined && { body }) });
  return {
    send,
    sendIfMatch: (method: Send['method'], path: string, tag: string, body?: unknown) =>
      send(method, path, { 'if-match': tag }, body),
  };
}

/** Creates a space and a namespace; `field` is a field that a PATCH may change. */
export async function makeTagged(
  makeNamespace: () => Promise<Namespace>,
): Promise<{ title: string; path: string; field: string }[]> {
  const { path, projects, create } = await makeNamespace();
  await create({ name: 'Lab' });
  return [
    { title: 'space', path: `${projects}/lab`, field: 'description' },
    { title: 'namespace', path, field: 'name' },
  ];
}
