import type { Test } from 'tap';
import type { Answer, Client } from './app.js';

/** Asserts that a response redirects to a path, has no body, and has to be revalidated by caches. */
export function assertRedirect(t: Test, answer: Answer, location: string, title = location): void {
  t.equal(answer.status, 308, `${title}: 308`);
  t.equal(answer.headers.location, location, `${title}: Location`);
  t.equal(answer.text, '', `${title}: no body`);
  t.equal(answer.headers['cache-control'], 'private, no-cache', `${title}: Cache-Control`);
}

/** Sends a GET and follows its redirects. */
export async function follow(client: Client, path: string): Promise<Answer> {
  const answer = await client.get(path);
  return answer.status === 308 ? follow(client, String(answer.headers.location)) : answer;
}

/** Changes the slug of a space or a namespace. */
export async function rename(t: Test, client: Client, path: string, slug: string): Promise<void> {
  t.equal((await client.patch(path, { slug })).status, 200, `${path} becomes ${slug}`);
}
