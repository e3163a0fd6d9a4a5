import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import autocannon from 'autocannon';

export interface Load {
  url: string;
  token: string;
  seconds: number;
  connections: number;
  /** the request instead of a GET; `url` has the origin only */
  write?: Write;
  /** reads the first page of a random one of so many namespaces, `page-0` and following; `url` has the origin only */
  randomPages?: number;
}

export type Write =
  /** creates with a new name each, spread over so many of the namespaces `spread-0` and following */
  | { kind: 'create'; namespaces: number }
  /** updates the description of the first `UPDATED` spaces of a namespace in turn */
  | { kind: 'update'; namespace: string };

/** The number of spaces that are updated in turn. */
export const UPDATED = 50;

export interface Result {
  requests: number;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** the number of other responses than 2xx, and of requests without a response */
  failures: number;
}

export function isInstalled(program: string): boolean {
  try {
    execFileSync('which', [program]);
    return true;
  } catch {
    return false;
  }
}

const wrkInstalled = isInstalled('wrk');

/** The load generator: wrk where it is installed, because it uses the least processor time. */
export const generator = wrkInstalled ? 'wrk' : 'autocannon';

/** Sends requests as fast as they are answered, from another process than the server. */
export function run(load: Load): Promise<Result> {
  return wrkInstalled ? runWrk(load) : runAutocannon(load);
}

/** @returns a Lua expression for the path of the write number `n`; `path` is the same in JavaScript */
function luaPath(write: Write): string {
  return write.kind === 'create'
    ? `'/namespaces/spread-' .. (n % ${write.namespaces}) .. '/spaces'`
    : `'/namespaces/${write.namespace}/projects/space-' .. (n % ${UPDATED} + 1)`;
}

function path(write: Write, n: number): string {
  return write.kind === 'create'
    ? `/namespaces/spread-${n % write.namespaces}/spaces`
    : `/namespaces/${write.namespace}/projects/space-${(n % UPDATED) + 1}`;
}

const methods = { create: 'POST', update: 'PATCH' } as const;
const fields = { create: 'name', update: 'description' } as const;

/** Names contain the clock and a counter, so that no two are equal. */
const luaScript = (write: Write) => `
local n, stamp = 0, tostring({}):gsub('%W', '')
request = function()
  n = n + 1
  local body = '{"${fields[write.kind]}":"Space ' .. os.time() .. stamp .. n .. '","tags":["robotics"]}'
  return wrk.format('${methods[write.kind]}', ${luaPath(write)}, nil, body)
end`;

/** The random sequence is the same in each run, so that candidates answer the same requests. */
const luaRandomPages = (namespaces: number) => `
math.randomseed(1)
request = function()
  return wrk.format('GET', '/namespaces/page-' .. math.random(0, ${namespaces - 1}) .. '/spaces')
end`;

async function runWrk(load: Load): Promise<Result> {
  const { url, token, seconds, connections, write, randomPages } = load;
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '--timeout', '10s'];
  args.push('-H', `authorization: Bearer ${token}`);
  const lua = write ? luaScript(write) : randomPages && luaRandomPages(randomPages);
  if (lua) {
    const script = join(await mkdtemp(join(tmpdir(), 'spaces-bench-')), 'requests.lua');
    await writeFile(script, lua);
    args.push('-s', script);
  }
  if (write) args.push('-H', 'content-type: application/json');
  const { stdout } = await promisify(execFile)('wrk', [...args, url]);
  const find = (expression: RegExp) => expression.exec(stdout)?.slice(1) ?? [];
  const milliseconds = ([value = '0', unit = 'ms']: string[]) =>
    Number(value) * ({ us: 0.001, ms: 1, s: 1000, m: 60_000 }[unit] ?? 1);
  const socketErrors = find(/connect (\d+), read (\d+), write (\d+), timeout (\d+)/).map(Number);
  return {
    requests: Number(find(/(\d+) requests in/)[0] ?? 0),
    requestsPerSecond: Number(find(/Requests\/sec:\s+([\d.]+)/)[0] ?? 0),
    p50Ms: milliseconds(find(/50%\s+([\d.]+)(\w+)/)),
    p99Ms: milliseconds(find(/99%\s+([\d.]+)(\w+)/)),
    failures: socketErrors.reduce(
      (sum, count) => sum + count,
      Number(find(/Non-2xx or 3xx responses: (\d+)/)[0] ?? 0),
    ),
  };
}

async function runAutocannon(load: Load): Promise<Result> {
  const { url, token, seconds, connections, write, randomPages } = load;
  let n = 0;
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(write && {
      requests: [
        {
          method: methods[write.kind],
          setupRequest: (request) => {
            n += 1;
            const text = `Space ${Date.now()} ${n}`;
            const body = JSON.stringify({ [fields[write.kind]]: text, tags: ['robotics'] });
            return { ...request, path: path(write, n), body };
          },
        },
      ],
    }),
    ...(randomPages && {
      requests: [
        {
          setupRequest: (request) => ({
            ...request,
            path: `/namespaces/page-${Math.floor(Math.random() * randomPages)}/spaces`,
          }),
        },
      ],
    }),
  });
  return {
    requests: result.requests.total,
    requestsPerSecond: result.requests.average,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    failures: result.non2xx + result.errors,
  };
}
