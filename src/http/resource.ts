import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { TSchema } from '@sinclair/typebox';

/** A Fastify instance that derives the types of requests from schemas. */
export type App = Parameters<FastifyPluginCallbackTypebox>[0];

/** Adds one operation of a resource. */
export type AddRoute<Repository> = (app: App, repository: Repository) => void;

/** The operations of a resource. */
export interface ResourceRoutes<Repository> {
  /** the URL prefixes of its paths; the operations are registered below each of them */
  prefixes: readonly string[];
  /** the shared schemas of its requests and responses */
  schemas: readonly TSchema[];
  operations: readonly AddRoute<Repository>[];
}

/** Registers the operations of a resource below each of its prefixes. */
export function registerRoutes<Repository>(
  app: App,
  { prefixes, schemas, operations }: ResourceRoutes<Repository>,
  repository: Repository,
): void {
  for (const schema of schemas) app.addSchema(schema);
  for (const prefix of prefixes) {
    const plugin: FastifyPluginCallbackTypebox = (scope, _options, done) => {
      for (const add of operations) add(scope, repository);
      done();
    };
    void app.register(plugin, { prefix });
  }
}
