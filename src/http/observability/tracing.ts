import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';

/** The tracing of a process. */
export interface Tracing {
  /** register it before all other plugins */
  readonly plugin: FastifyPluginAsync;
  /** Exports the pending spans; waits no longer than the timeout of the exporter. */
  stop(): Promise<void>;
}

/** Routes that are polled, whose traces are of no use. */
const UNTRACED = new Set(['/livez', '/readyz', '/metrics']);

/**
 * Starts tracing for the whole process. The packages of OpenTelemetry read its standard environment variables;
 * they are loaded here, so that a service without tracing does not load them.
 */
export async function startTracing(): Promise<Tracing> {
  const [otel, { OTLPTraceExporter }, sdk, resources, { SpanStatusCode }] = await Promise.all([
    import('@fastify/otel'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/api'),
  ]);
  const provider = new sdk.NodeTracerProvider({
    resource: resources
      .defaultResource()
      .merge(resources.resourceFromAttributes({ 'service.name': 'spaces' }))
      .merge(resources.detectResources({ detectors: [resources.envDetector] })),
    spanProcessors: [new sdk.BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();

  const instrumentation = new otel.FastifyOtelInstrumentation({
    // Spans of hooks are of no use; errors are in the log.
    instrumentHooks: false,
    recordExceptions: false,
    ignorePaths: ({ url }) => UNTRACED.has(url),
    requestHook: (span, request) => {
      const { method, routeOptions, url } = request;
      span.updateName(routeOptions.url === undefined ? method : `${method} ${routeOptions.url}`);
      // The default contains the query, in which callers may send tokens.
      span.setAttribute('url.path', url.split('?', 1).join(''));
      request.log = request.log.child({ traceId: span.spanContext().traceId });
    },
  });

  const plugin: FastifyPluginAsync = async (app) => {
    await app.register(instrumentation.plugin());
    app.addHook('onSend', (request, reply, payload, next) => {
      // A client error is not an error of this service.
      if (reply.statusCode < 500) {
        request.opentelemetry().span?.setStatus({ code: SpanStatusCode.OK });
      }
      next(null, payload);
    });
  };
  return {
    plugin: fp(plugin, { name: 'tracing' }),
    // A failed export must not fail the shutdown.
    stop: () => provider.shutdown().catch(() => undefined),
  };
}
