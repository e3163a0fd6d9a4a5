import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

/**
 * Runs a statement in a span if its request is traced.
 *
 * @param statement the span contains its text without parameters
 */
export async function inSpan<Result>(
  statement: { getQuery(): { sql: string } },
  run: () => Promise<Result>,
): Promise<Result> {
  if (!trace.getActiveSpan()) return run();
  const span = trace.getTracer('spaces').startSpan('postgresql', {
    kind: SpanKind.CLIENT,
    attributes: { 'db.system.name': 'postgresql', 'db.query.text': statement.getQuery().sql },
  });
  try {
    return await run();
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}
