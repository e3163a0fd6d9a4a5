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
  /** a POST with a name of its own each time, spread over the namespaces `spread-0` and on */
  create?: { namespaces: number };
}

export interface Result {
  requests: number;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** answers that were not 2xx, and requests without one */
  failures: number;
}

const wrkInstalled = (() => {
  try {
    execFileSync('which', ['wrk']);
    return true;
  } catch {
    return false;
  }
})();

/** What makes the load: wrk, which costs the least, where it is installed. */
export const generator = wrkInstalled ? 'wrk' : 'autocannon';

/** Sends requests as fast as they are answered, from another process than the server's. */
export function run(load: Load): Promise<Result> {
  return wrkInstalled ? runWrk(load) : runAutocannon(load);
}

/** Names are told apart by the clock and a counter, so that no two creates meet. */
const createScript = (namespaces: number) => `
local n, stamp = 0, tostring({}):gsub('%W', '')
request = function()
  n = n + 1
  local path = ${namespaces > 1 ? `'/namespaces/spread-' .. (n % ${namespaces}) .. '/spaces'` : "'/namespaces/spread-0/spaces'"}
  local body = '{"name":"Space ' .. os.time() .. stamp .. n .. '","tags":["robotics"]}'
  return wrk.format('POST', path, nil, body)
end`;

async function runWrk({ url, token, seconds, connections, create }: Load): Promise<Result> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '--timeout', '10s'];
  args.push('-H', `authorization: Bearer ${token}`);
  if (create) {
    const script = join(await mkdtemp(join(tmpdir(), 'spaces-bench-')), 'create.lua');
    await writeFile(script, createScript(create.namespaces));
    args.push('-H', 'content-type: application/json', '-s', script);
  }
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

async function runAutocannon({ url, token, seconds, connections, create }: Load): Promise<Result> {
  let n = 0;
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(create && {
      requests: [
        {
          method: 'POST' as const,
          setupRequest: (request) => {
            n += 1;
            const body = JSON.stringify({ name: `Space ${Date.now()} ${n}`, tags: ['robotics'] });
            const path = `/namespaces/spread-${create.namespaces > 1 ? n % create.namespaces : 0}/spaces`;
            return { ...request, path, body };
          },
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
