import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Result } from './load.js';
import { median } from './median.js';

export interface Measurement extends Result {
  /** processor time of the Node process per request */
  nodeMicroseconds: number;
  /** processor time of PostgreSQL per request */
  postgresMicroseconds: number;
}

/** The rounds of each measurement; rounds with the same index were measured one after another. */
export type Table = Record<string, Measurement[]>;

export interface Report {
  date: string;
  quick: boolean;
  machine: string;
  commit: string;
  /** from the start of a process to its first response, in milliseconds */
  startMs: Record<string, number>;
  tables: Record<'hot' | 'spread' | 'churn' | 'byWorkers' | 'bySize' | 'byDepth' | 'writes', Table>;
  /** the size of the page cache of the service after the reads */
  keptBytes: number;
  /** the number of namespaces whose counter differs from the count; more than 0 is a defect */
  wrongTotals: number;
  /** resident MiB of the service */
  memory: Record<string, number>;
}

const directory = fileURLToPath(new URL('results/', import.meta.url));

/** @returns the median of each figure over the rounds, and the maximum of the failures */
function medians(rounds: Measurement[]): Measurement {
  const of = (figure: keyof Measurement) => median(rounds.map((round) => round[figure]));
  return {
    requests: of('requests'),
    requestsPerSecond: of('requestsPerSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    failures: Math.max(...rounds.map((round) => round.failures)),
    nodeMicroseconds: of('nodeMicroseconds'),
    postgresMicroseconds: of('postgresMicroseconds'),
  };
}

/** Prints the report and writes it as JSON, Markdown and a chart. */
export async function writeReport(report: Report): Promise<void> {
  const text = markdown(report);
  console.log(text);
  await mkdir(directory, { recursive: true });
  const name = report.quick ? 'quick' : 'full';
  await writeFile(`${directory}${name}.json`, `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(`${directory}${name}.md`, text);
  await writeFile(`${directory}${name}.svg`, chart(report));
}

function markdown(report: Report): string {
  const { date, machine, commit, startMs, tables, keptBytes, wrongTotals, memory } = report;
  const { hot, spread, churn, byWorkers, bySize, writes } = tables;
  // The ratio of each round, because a machine is slower for whole rounds.
  const ratio = (a: Measurement[] = [], b: Measurement[] = []) => {
    const ratios = a.map(
      (one, round) => one.requestsPerSecond / (b[round]?.requestsPerSecond ?? NaN),
    );
    return `${median(ratios).toFixed(2)} (${ratios.map((each) => each.toFixed(2)).join(', ')})`;
  };
  const [one, others] = Object.values(writes);
  const ratiosOf = (load: string, rounds: Table) => {
    const { service, reference, bun } = rounds;
    const off = rounds['service, cache off'];
    return [
      `| ${load}: service / reference | ${ratio(service, reference)} |`,
      ...(bun ? [`| ${load}: service / Bun + Elysia | ${ratio(service, bun)} |`] : []),
      ...(off
        ? [`| cold: service with the cache off / reference | ${ratio(off, reference)} |`]
        : []),
    ];
  };
  return [
    `${date}, commit ${commit}, ${machine}`,
    '',
    ...Object.entries({
      'Hot: lists of 50 of one namespace, 32 connections': hot,
      'Spread: lists of 50 of 200 namespaces at random': spread,
      'Churn: the same, during 100 updates of spaces per second': churn,
      'The same with 64 connections': byWorkers,
      'First page by size of the namespace': bySize,
      'Page of the largest namespace, 2 connections': tables.byDepth,
      'Writes, 32 connections': writes,
    }).flatMap(([title, rows]) => [`### ${title}`, '', ...table(rows), '']),
    '| ratio, median (and of each round) | |',
    '|---|---|',
    ...ratiosOf('hot', hot),
    `| hot: service / upper bound | ${ratio(hot['service'], hot['upper-bound'])} |`,
    ...ratiosOf('spread', spread),
    ...ratiosOf('churn', churn),
    `| list: two workers / one process | ${ratio(byWorkers['two workers'], byWorkers['one process'])} |`,
    `| first page: 1m / fifty | ${ratio(bySize['1m'], bySize['fifty'])} |`,
    `| creates: into one namespace / spread | ${ratio(one, others)} |`,
    '',
    `Start to the first response: ${Object.entries(startMs)
      .map(([name, ms]) => `${name} ${Math.round(ms)} ms`)
      .join(', ')}.`,
    `Memory of the service: ${Object.entries(memory)
      .map(([when, mib]) => `${Math.round(mib)} MiB ${when}`)
      .join(', ')}.`,
    `Page cache after the reads: ${(keptBytes / 2 ** 20).toFixed(1)} MiB.`,
    `Namespaces whose counter differs from the count: ${wrongTotals}.`,
    '',
  ].join('\n');
}

function table(rows: Table): string[] {
  const figure = (value: number, digits = 0) =>
    Number.isNaN(value)
      ? ''
      : value.toLocaleString('en', {
          minimumFractionDigits: digits,
          maximumFractionDigits: digits,
        });
  return [
    '| | requests/s | p50 ms | p99 ms | Node µs | PostgreSQL µs | failures |',
    '|---|--:|--:|--:|--:|--:|--:|',
    ...Object.entries(rows).map(([name, rounds]) => {
      const m = medians(rounds);
      return [
        `| ${name}`,
        figure(m.requestsPerSecond),
        figure(m.p50Ms, 1),
        figure(m.p99Ms, 1),
        figure(m.nodeMicroseconds),
        figure(m.postgresMicroseconds),
        `${m.failures} |`,
      ].join(' | ');
    }),
  ];
}

const BAR = { left: 220, width: 460, height: 18, gap: 8 };

/** @returns a chart with horizontal bars of requests per second */
function chart({ tables, date, machine }: Report): string {
  const groups = Object.entries({
    Hot: tables.hot,
    Spread: tables.spread,
    Churn: tables.churn,
    'With 64 connections': tables.byWorkers,
    'First page by size': tables.bySize,
    Writes: tables.writes,
  });
  const bars: string[] = [];
  let y = 40;
  for (const [title, table] of groups) {
    const rates = Object.entries(table).map(
      ([name, rounds]) => [name, medians(rounds).requestsPerSecond] as const,
    );
    bars.push(`<text x="10" y="${y + 13}" font-weight="bold">${title}</text>`);
    y += BAR.height + BAR.gap;
    const most = Math.max(...rates.map(([, rate]) => rate));
    for (const [name, rate] of rates) {
      const width = (rate / most) * BAR.width;
      bars.push(
        `<text x="${BAR.left - 10}" y="${y + 13}" text-anchor="end">${name}</text>`,
        `<rect x="${BAR.left}" y="${y}" width="${width.toFixed(1)}" height="${BAR.height}" fill="#4a7fb5"/>`,
        `<text x="${BAR.left + width + 6}" y="${y + 13}">${Math.round(rate).toLocaleString('en')}/s</text>`,
      );
      y += BAR.height + BAR.gap;
    }
    y += BAR.gap;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 780 ${y}" font-family="sans-serif" font-size="13">`,
    `<rect width="780" height="${y}" fill="white"/>`,
    `<text x="10" y="22">${date}, ${machine}</text>`,
    ...bars,
    '</svg>',
    '',
  ].join('\n');
}
