/**
 * The baseline: a literal implementation of the API reference, as Drizzle's documentation suggests. It looks the
 * namespace up, lists and counts its spaces in parallel, and serializes the rows by the response schema. It checks the
 * token, but no membership.
 */
import jwt from '@fastify/jwt';
import { Type, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { and, asc, count, eq, isNull } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import fastify from 'fastify';
import postgres from 'postgres';
import { loadConfig } from '../src/config/load.js';
import { namespaces } from '../src/db/schema/namespaces.js';
import { spaces } from '../src/db/schema/spaces.js';

const { database, token, port } = loadConfig(process.env);
const db = drizzle(postgres(database.url ?? '', { max: database.poolMax }));
const app = fastify({ logger: true }).withTypeProvider<TypeBoxTypeProvider>();

await app.register(jwt, { secret: String(token.key) });
app.addHook('onRequest', (request) => request.jwtVerify());

app.get(
  '/namespaces/:slug/spaces',
  {
    schema: {
      params: Type.Object({ slug: Type.String() }),
      querystring: Type.Object({
        page: Type.Integer({ minimum: 1, default: 1 }),
        pageSize: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
      }),
      response: {
        200: Type.Object({
          spaces: Type.Array(
            Type.Object({
              id: Type.String(),
              name: Type.String(),
              slug: Type.String(),
              description: Type.Union([Type.String(), Type.Null()]),
              tags: Type.Array(Type.String()),
            }),
          ),
          page: Type.Integer(),
          pageSize: Type.Integer(),
          total: Type.Integer(),
          totalPages: Type.Integer(),
        }),
        404: Type.Object({ message: Type.String() }),
      },
    },
  },
  async (request, reply) => {
    const { page, pageSize } = request.query;
    const [namespace] = await db
      .select()
      .from(namespaces)
      .where(and(eq(namespaces.slug, request.params.slug), isNull(namespaces.deletedAt)));
    if (!namespace) return reply.code(404).send({ message: 'Namespace not found' });

    const ofNamespace = and(eq(spaces.namespaceId, namespace.id), isNull(spaces.deletedAt));
    const [rows, [counted]] = await Promise.all([
      db
        .select({
          id: spaces.id,
          name: spaces.name,
          slug: spaces.slug,
          description: spaces.description,
          tags: spaces.tags,
        })
        .from(spaces)
        .where(ofNamespace)
        .orderBy(asc(spaces.id))
        .limit(pageSize)
        .offset((page - 1) * pageSize),
      db.select({ total: count() }).from(spaces).where(ofNamespace),
    ]);
    const total = counted?.total ?? 0;
    return { spaces: rows, page, pageSize, total, totalPages: Math.ceil(total / pageSize) };
  },
);

await app.listen({ host: '127.0.0.1', port });
