/**
 * The upper bound: the application of the service with its authentication, logging and hooks. It serializes a constant
 * page of 50 spaces by the response schema, without a database.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { pino } from 'pino';
import { buildApp } from '../src/app.js';
import { loadConfig, type TokenConfig } from '../src/config/load.js';
import { connect } from '../src/db/client.js';
import { authPlugin } from '../src/http/auth/plugin.js';
import { NamespaceParams, PageQuery, paging, ref } from '../src/http/conventions/schemas.js';
import { SpaceList, SpaceListItem } from '../src/http/spaces/schema.js';

const { database, token, port, logLevel } = loadConfig(process.env);
const checked: TokenConfig = { ...token, key: token.key ?? '' };

const constantPage = Array.from({ length: 50 }, (_, index) => ({
  id: `0199b2f4-6c1e-7d3a-9b5e-${String(index).padStart(12, '0')}`,
  name: `Space ${index}`,
  slug: `space-${index}`,
  description: `A space with a description of ordinary length, number ${index}`,
  tags: ['robotics', 'lab'],
}));

const upperBound: FastifyPluginAsyncTypebox = async (app) => {
  await app.register(authPlugin, checked);
  app.addSchema(SpaceListItem);
  app.addSchema(SpaceList);
  app.get(
    '/upper-bound/:slug/spaces',
    {
      config: { scope: 'spaces:read' },
      schema: {
        params: NamespaceParams,
        querystring: PageQuery,
        response: { 200: ref(SpaceList) },
      },
    },
    (request) => ({
      spaces: constantPage,
      ...paging(request.query).toPageInfo(constantPage.length),
    }),
  );
};

const app = await buildApp({
  token: checked,
  db: connect({ ...database, url: database.url ?? '' }),
  logger: pino({ level: logLevel }, pino.destination({ sync: false })),
});
await app.register(upperBound);
await app.listen({ host: '127.0.0.1', port });
