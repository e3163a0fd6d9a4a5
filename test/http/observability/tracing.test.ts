import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Test, test } from 'tap';
import { signToken } from '../../../src/development/token.js';
import { SECRET } from '../../helpers/app.js';
import { createDatabase } from '../../helpers/database.js';
import { fetchInTime } from '../../helpers/fetch.js';
import { portOf } from '../../helpers/issuer.js';
import { startServer } from '../../helpers/process.js';

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  status: { code?: number };
  attributes: { key: string; value: Record<string, unknown> }[];
}

interface Export {
  resourceSpans: {
    resource: { attributes: Span['attributes'] };
    scopeSpans: { spans: Span[] }[];
  }[];
}

function isExport(value: unknown): value is Export {
  return typeof value === 'object' && value !== null && 'resourceSpans' in value;
}

/** A collector of traces (OTLP over HTTP, as JSON) that records its requests. */
async function startCollector(t: Test) {
  const exports: Export[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const sent: unknown = JSON.parse(body);
      if (request.url === '/v1/traces' && isExport(sent)) exports.push(sent);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { url: `http://127.0.0.1:${portOf(server.address())}`, exports };
}

const attributesOf = ({ attributes }: { attributes: Span['attributes'] }) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

test("a trace contains the request, as a child of the caller's span, and its statements", async (t) => {
  const collector = await startCollector(t);
  const server = startServer(t, {
    DATABASE_URL: await createDatabase(t),
    JWT_SECRET: SECRET,
    PORT: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  });
  const [, origin = ''] = await server.waitFor(/API {9}(http:\S+)/);
  const token = await signToken(SECRET, { subject: 'alice', expiresIn: '1 hour' });
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const caller = 'b7ad6b7169203331';
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    traceparent: `00-${traceId}-${caller}-01`,
  };
  await fetchInTime(`${origin}/namespaces`, { method: 'POST', headers, body: '{"slug":"acme"}' });
  await fetchInTime(`${origin}/namespaces/acme/spaces?page=1`, { headers });
  await fetchInTime(`${origin}/namespaces/none?access_token=${token}`, { headers });
  await fetchInTime(`${origin}/nowhere`, { headers });
  await fetchInTime(`${origin}/livez`, { headers });
  server.child.kill('SIGTERM');
  t.equal(await server.ended, 0, 'the process ends after it has sent its spans');

  const resources = collector.exports.flatMap(({ resourceSpans }) => resourceSpans);
  t.match(attributesOf(resources[0]?.resource ?? { attributes: [] }), { 'service.name': 'spaces' });
  const spans = resources.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  const requests = spans.filter(({ parentSpanId }) => parentSpanId === caller);
  t.same(
    requests.map((span) => [span.name, attributesOf(span)['http.response.status_code']]),
    [
      ['POST /namespaces', 201],
      ['GET /namespaces/:slug/spaces', 200],
      ['GET /namespaces/:slug', 404],
      ['GET', 404],
    ],
  );
  for (const { traceId: found } of spans) t.equal(found, traceId);
  for (const { status } of requests) t.not(status.code, 2, 'no error of the service');

  const statementsOf = ({ spanId }: Span): Span[] =>
    spans
      .filter(({ parentSpanId }) => parentSpanId === spanId)
      .flatMap((span) => (span.name === 'postgresql' ? [span] : statementsOf(span)));
  t.same(
    requests.map((span) => statementsOf(span).length),
    [1, 2, 1, 0],
  );
  const [created] = requests.flatMap(statementsOf);
  t.match(created && attributesOf(created), {
    'db.system.name': 'postgresql',
    'db.query.text': /insert into "namespaces"/,
  });

  const sent = JSON.stringify(collector.exports);
  for (const part of token.split('.')) t.notOk(sent.includes(part), 'no part of the token');
  t.notMatch(sent, /alice|page=1/, 'no parameter');
  t.match(server.output(), new RegExp(`"traceId":"${traceId}".*"answered"`));
});

test('the service answers requests and shuts down while the collector is unreachable', async (t) => {
  const server = startServer(t, {
    DATABASE_URL: await createDatabase(t),
    JWT_SECRET: SECRET,
    PORT: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
  });
  const [, origin = ''] = await server.waitFor(/API {9}(http:\S+)/);
  t.equal((await fetchInTime(`${origin}/namespaces`)).status, 401);
  server.child.kill('SIGTERM');
  t.equal(await server.ended, 0);
});
