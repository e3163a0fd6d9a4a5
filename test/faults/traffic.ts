import type { Test } from 'tap';
import type { Answer, Client } from '../helpers/app.js';
import { pick } from '../helpers/json.js';
import { waitUntil } from '../helpers/wait.js';

/** A response, and the time of its arrival. */
export interface Seen {
  answer: Answer;
  milliseconds: number;
  at: number;
}

export interface Traffic {
  seen: Seen[];
  /** Resolves when there are this many more responses of a kind. */
  answers(count: number, matches?: (answer: Answer) => boolean): Promise<void>;
  /** Stops the traffic, and reads each space and episode whose creation was acknowledged. */
  end(): Promise<{ written: number; lost: string[] }>;
}

export const isGood = ({ status }: Answer) => status < 300;
export const isUnavailable = ({ status }: Answer) => status === 503;

/** Starts readers and writers in the namespace `acme`, each sending as soon as it is answered. */
export function startTraffic(
  client: Client,
  { readers, writers }: { readers: number; writers: number },
): Traffic {
  const seen: Seen[] = [];
  const written: string[] = [];
  let names = 0;
  let stopped = false;
  const observe = async (send: () => Promise<Answer>): Promise<Answer> => {
    const begun = performance.now();
    const answer = await send();
    const at = performance.now();
    seen.push({ answer, milliseconds: at - begun, at });
    // `inject` may answer without yielding to the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    return answer;
  };
  const running = [
    ...Array.from({ length: readers }, async () => {
      while (!stopped) await observe(() => client.get('/namespaces/acme/spaces'));
    }),
    ...Array.from({ length: writers }, async () => {
      while (!stopped) {
        const slug = `space-${(names += 1)}`;
        const answer = await observe(() =>
          client.post('/namespaces/acme/spaces', { name: 'A space', slug }),
        );
        if (answer.status !== 201) continue;
        const space = `/namespaces/acme/projects/${slug}`;
        written.push(space);
        const episode = await observe(() =>
          client.post(`${space}/episodes`, { name: 'run', folder: '/a/b' }),
        );
        if (episode.status === 201) written.push(`${space}/episodes/run`);
      }
    }),
  ];
  return {
    seen,
    async answers(count, matches = () => true) {
      let next = seen.length;
      let found = 0;
      await waitUntil(`${count} more responses of the traffic`, () => {
        found += seen.slice(next).filter(({ answer }) => matches(answer)).length;
        next = seen.length;
        return found >= count;
      });
    },
    async end() {
      stopped = true;
      await Promise.all(running);
      const lost = [];
      for (const path of written) {
        const { status } = await client.get(path);
        if (status !== 200) lost.push(path);
      }
      return { written: written.length, lost };
    },
  };
}

/** Asserts that each failure is a 503 with a code and Retry-After. */
export function assertUnavailable(t: Test, failures: Seen[], fault: string): void {
  t.same(
    failures.filter(({ answer }) => !isUnavailable(answer)).map(({ answer }) => answer.text),
    [],
    `${fault}: every failure is 503`,
  );
  t.ok(
    failures.every(
      ({ answer }) =>
        /^\d+$/.test(String(answer.headers['retry-after'])) &&
        /^(unavailable|overloaded)$/.test(String(pick(answer.json, 'code'))),
    ),
    `${fault}: every 503 has a code and Retry-After`,
  );
}
