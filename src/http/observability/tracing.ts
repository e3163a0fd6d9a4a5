import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';

/** Traces the requests of an application, and sends the rest at the end. */
export interface Tracing {
  /** to be registered before anything else */
  readonly plugin: FastifyPluginAsync;
  /** sends the pending spans; waits no longer than the timeout of the exporter */
  stop(): Promise<void>;
}

/** The routes that are asked all the time, and of which nobody looks at a trace. */
const UNTRACED = new Set(['/livez', '/readyz', '/metrics']);

/**
 * Starts tracing for the whole process, by the standard environment variables of OpenTelemetry, which its
 * packages read themselves. They are loaded here, so that a service without tracing does not load them.
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
    // A span for each of our own hooks would say nothing; the log has the failures.
    instrumentHooks: false,
    recordExceptions: false,
    ignorePaths: ({ url }) => UNTRACED.has(url),
    requestHook: (span, request) => {
      const { method, routeOptions, url } = request;
      span.updateName(routeOptions.url === undefined ? method : `${method} ${routeOptions.url}`);
      // It came with the query, where callers have been seen to put tokens.
      span.setAttribute('url.path', url.split('?', 1).join(''));
      request.log = request.log.child({ traceId: span.spanContext().traceId });
    },
  });

  const plugin: FastifyPluginAsync = async (app) => {
    await app.register(instrumentation.plugin());
    app.addHook('onSend', (request, reply, payload, next) => {
      // A rejected request is the error of the caller, not of this service.
      if (reply.statusCode < 500) {
        request.opentelemetry().span?.setStatus({ code: SpanStatusCode.OK });
      }
      next(null, payload);
    });
  };
  return {
    plugin: fp(plugin, { name: 'tracing' }),
    // Lost spans are no reason for the process to fail.
    stop: () => provider.shutdown().catch(() => undefined),
  };
}
