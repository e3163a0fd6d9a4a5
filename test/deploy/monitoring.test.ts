/** The dashboard, the alerts and their runbook name only metrics that the service has. */
import { readFile } from 'node:fs/promises';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { type Test, test } from 'tap';
import { parse } from 'yaml';
import { problems } from '../../src/errors.js';
import { createDatabase } from '../helpers/database.js';
import { fetchInTime } from '../helpers/fetch.js';
import { type SigningKey, signingKey, startIssuer } from '../helpers/issuer.js';
import { startServer } from '../helpers/process.js';
import { startWorkers } from '../helpers/workers.js';
import { readExpression } from './promql.js';

const RUNBOOK = 'docs/runbook.md';

const Rules = Type.Object({
  groups: Type.Array(
    Type.Object({
      rules: Type.Array(
        Type.Union([
          Type.Object({ record: Type.String(), expr: Type.String() }),
          Type.Object({
            alert: Type.String({ pattern: '^Spaces[A-Za-z]+$' }),
            expr: Type.String(),
            labels: Type.Object({
              severity: Type.Union([Type.Literal('critical'), Type.Literal('warning')]),
            }),
            annotations: Type.Object({
              summary: Type.String({ minLength: 1 }),
              description: Type.String({ minLength: 1 }),
              runbook_url: Type.String(),
            }),
          }),
        ]),
      ),
    }),
  ),
});

const Panel = Type.Object({
  id: Type.Integer(),
  title: Type.String({ minLength: 1 }),
  targets: Type.Optional(
    Type.Array(Type.Object({ expr: Type.String(), legendFormat: Type.String() })),
  ),
});

const Dashboard = Type.Object({
  templating: Type.Object({
    list: Type.Array(
      Type.Object({
        name: Type.String(),
        type: Type.String(),
        query: Type.Union([Type.String(), Type.Object({ query: Type.String() })]),
      }),
    ),
  }),
  panels: Type.Array(Panel),
});

async function readRules(): Promise<Static<typeof Rules>['groups'][number]['rules']> {
  const file: unknown = parse(await readFile('deploy/prometheus/alerts.yaml', 'utf8'));
  return Value.Parse(Rules, file).groups.flatMap(({ rules }) => rules);
}

async function readDashboard(): Promise<Static<typeof Dashboard>> {
  return Value.Parse(Dashboard, JSON.parse(await readFile('deploy/grafana/spaces.json', 'utf8')));
}

/** An expression in PromQL, and its place. */
interface Expression {
  where: string;
  text: string;
  /** the labels that are shown with the result */
  shown: string[];
}

/** @returns the labels that a legend or a text of an alert shows */
function shownIn(text: string): string[] {
  return Array.from(text.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)/g), ([, label]) => String(label));
}

async function expressions(): Promise<Expression[]> {
  const { panels, templating } = await readDashboard();
  const ofPanels = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({
      where: `panel ${title}`,
      text: expr,
      shown: shownIn(legendFormat),
    })),
  );
  const ofVariables = templating.list.flatMap(({ name, query }) =>
    typeof query === 'string' ? [] : [{ where: `variable ${name}`, text: query.query, shown: [] }],
  );
  const ofRules = (await readRules()).map((rule) =>
    'alert' in rule
      ? {
          where: rule.alert,
          text: rule.expr,
          shown: Object.values(rule.annotations).flatMap((text) =>
            shownIn(text.replaceAll(/\{\{ \$value[^}]*\}\}/g, '')),
          ),
        }
      : { where: rule.record, text: rule.expr, shown: [] },
  );
  const runbook = await readFile(RUNBOOK, 'utf8');
  const ofRunbook = Array.from(runbook.matchAll(/```promql\n([^]*?)```/g), ([, block = '']) =>
    block
      .trim()
      .split('\n')
      .map((line) => ({ where: `${RUNBOOK}: ${line}`, text: line, shown: [] })),
  ).flat();
  return [...ofPanels, ...ofVariables, ...ofRules, ...ofRunbook];
}

test('the selectors of PromQL expressions are parsed', (t) => {
  const { selectors, grouped } = readExpression(
    'sum by (job, le) (rate(one_bucket{a="x,}", b=~"2..|304"}[5m])) / on (job) two > 0.25 and absent(up == 1)',
  );
  t.same(selectors, [
    {
      metric: 'one_bucket',
      matchers: [
        { label: 'a', operator: '=', value: 'x,}' },
        { label: 'b', operator: '=~', value: '2..|304' },
      ],
    },
    { metric: 'two', matchers: [] },
    { metric: 'up', matchers: [] },
  ]);
  t.same(grouped, ['job', 'le', 'job']);
  t.same(readExpression('label_values(three{job=~"$job"}, route)'), {
    selectors: [{ metric: 'three', matchers: [{ label: 'job', operator: '=~', value: '$job' }] }],
    grouped: ['route'],
  });
  t.end();
});

/** The series of a service: by sample name its labels and their values. */
type Series = Map<string, Map<string, Set<string>>>;

function seriesIn(text: string): Series {
  const series: Series = new Map();
  for (const line of text.split('\n')) {
    const [, name, labels = ''] = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) continue;
    const known = series.get(name) ?? new Map<string, Set<string>>();
    series.set(name, known);
    for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      known.set(label, (known.get(label) ?? new Set()).add(value));
    }
  }
  return series;
}

/** Sends requests of every kind that has metrics, with the token of an issuer. */
async function use(origin: string, key: SigningKey): Promise<void> {
  const authorization = `Bearer ${await key.sign()}`;
  const send = async (path: string, body?: unknown) => {
    const answer = await fetchInTime(origin + path, {
      headers: { authorization, 'content-type': 'application/json' },
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    });
    await answer.text();
    return answer.status;
  };
  await send('/namespaces', { slug: 'acme', name: 'Acme' });
  await send('/namespaces/acme/spaces', { name: 'Lab' });
  for (const path of ['', '/acme', '/acme/spaces', '/acme/projects/lab', '/acme/projects/none']) {
    await send(`/namespaces${path}`);
  }
  await send('/nowhere');
}

/** Labels and series that Prometheus itself adds for each target. */
const TARGET_LABELS = ['job', 'instance'];
const TARGET_SERIES: Series = new Map([['up', new Map<string, Set<string>>()]]);

/** All values of the labels that have more of them than the requests here produce. */
const KNOWN_VALUES: Record<string, string[]> = {
  code: Object.keys(problems),
  status: ['200', '201', '304', '404', '500', '503', 'aborted'],
};

async function expectKnown(t: Test, metrics: string): Promise<void> {
  const served: Series = new Map([...seriesIn(metrics), ...TARGET_SERIES]);
  const records = new Map<string, string[]>();
  for (const rule of await readRules()) {
    if ('record' in rule) records.set(rule.record, [...new Set(readExpression(rule.expr).grouped)]);
  }
  const all = await expressions();
  t.ok(all.length > 20, `${all.length} expressions`);
  for (const { where, text, shown } of all) {
    const { selectors, grouped } = readExpression(text);
    t.not(selectors.length, 0, `${where} reads a metric`);
    const labels = new Set(TARGET_LABELS);
    for (const { metric, matchers } of selectors) {
      const known = served.get(metric);
      const ofRecord = records.get(metric);
      t.ok(known ?? ofRecord, `${where}: ${metric} exists`);
      const own = new Set([...TARGET_LABELS, ...(ofRecord ?? known?.keys() ?? [])]);
      for (const label of own) labels.add(label);
      for (const { label, operator, value } of matchers) {
        t.ok(own.has(label), `${where}: ${metric} has the label ${label}`);
        // A variable stands for existing values, and excluded values need not exist.
        if (TARGET_LABELS.includes(label) || value.startsWith('$') || operator.startsWith('!')) {
          continue;
        }
        const values = KNOWN_VALUES[label] ?? [...(known?.get(label) ?? [])];
        const wanted = operator === '=' ? (one: string) => one === value : matching(value);
        t.ok(values.some(wanted), `${where}: ${label}${operator}"${value}" selects a value`);
      }
    }
    for (const label of [...grouped, ...shown]) {
      t.ok(labels.has(label), `${where}: one of its metrics has the label ${label}`);
    }
  }
}

/** Prometheus anchors its expressions. */
function matching(expression: string): (value: string) => boolean {
  const whole = new RegExp(`^(?:${expression})$`);
  return (value) => whole.test(value);
}

async function startIssued(t: Test) {
  const key = await signingKey('ES256', 'key');
  const issuer = await startIssuer(t, key);
  return { key, token: { JWT_JWKS_URL: issuer.url.href } };
}

test('the dashboard and alerts use metrics, labels and values of a running service', async (t) => {
  const { key, token } = await startIssued(t);
  const server = startServer(t, { DATABASE_URL: await createDatabase(t), ...token, PORT: '0' });
  const [, origin = ''] = await server.waitFor(/listening at (http:\/\/127\.0\.0\.1:\d+)/);
  await use(origin, key);
  await expectKnown(t, await (await fetchInTime(`${origin}/metrics`)).text());
});

test('the dashboard and alerts use metrics, labels and values of a service with workers', async (t) => {
  const { key, token } = await startIssued(t);
  const { port, metricsPort } = await startWorkers(t, token);
  await use(`http://127.0.0.1:${port}`, key);
  await expectKnown(t, await (await fetchInTime(`http://127.0.0.1:${metricsPort}/metrics`)).text());
});

test('the dashboard selects data source, route and instance, and each panel has a unique id', async (t) => {
  const { panels, templating } = await readDashboard();
  const variables = Object.fromEntries(templating.list.map(({ name, type }) => [name, type]));
  t.match(variables, { datasource: 'datasource', route: 'query', instance: 'query' });
  for (const { where, text } of await expressions()) {
    for (const [, name = ''] of text.matchAll(/"\$(\w+)"/g)) {
      t.ok(Object.hasOwn(variables, name), `${where}: $${name} is a variable`);
    }
  }
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
});

test('each alert links to its section of the runbook, and each section belongs to an alert', async (t) => {
  const alerts = (await readRules()).flatMap((rule) => ('alert' in rule ? [rule] : []));
  const names = alerts.map(({ alert }) => alert);
  t.equal(new Set(names).size, names.length, 'no name is used twice');
  for (const { alert, annotations } of alerts) {
    // GitHub's anchor of a one-word heading is the word in lower case.
    t.equal(annotations.runbook_url, `${RUNBOOK}#${alert.toLowerCase()}`, alert);
  }
  const runbook = await readFile(RUNBOOK, 'utf8');
  const [, ofAlerts = ''] = runbook.split(/^## Alerts$/m);
  const [part = ''] = ofAlerts.split(/^## /m);
  const sections = part
    .split(/^### /m)
    .slice(1)
    .map((section) => section.split('\n'));
  t.same(sections.map(([name]) => name).sort(), names.toSorted());
  for (const [name, ...lines] of sections) {
    for (const begin of ['**Means.** ', '**Look at.** ', '**Do.** ']) {
      t.ok(
        lines.some((line) => line.startsWith(begin)),
        `${String(name)}: ${begin}`,
      );
    }
  }
});
