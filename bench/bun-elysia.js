/**
 * A candidate: a literal implementation of the API reference on Bun, with Elysia, its JWT plugin and Bun's SQL client.
 * It looks the namespace up, then lists and counts its spaces in parallel. It checks the token, but no membership, and
 * writes no log. `bun.ts` copies this file into the folder in which it installs the packages.
 */
import { jwt } from '@elysiajs/jwt';
import { SQL } from 'bun';
import { Elysia, t } from 'elysia';

const sql = new SQL(process.env.DATABASE_URL, { max: Number(process.env.DATABASE_POOL_MAX) });

const Page = t.Object({
  spaces: t.Array(
    t.Object({
      id: t.String(),
      name: t.String(),
      slug: t.String(),
      description: t.Nullable(t.String()),
      tags: t.Array(t.String()),
    }),
  ),
  page: t.Number(),
  pageSize: t.Number(),
  total: t.Number(),
  totalPages: t.Number(),
});

new Elysia()
  .use(jwt({ name: 'jwt', secret: process.env.JWT_SECRET }))
  .get('/readyz', () => ({ status: 'ok' }))
  .get(
    '/namespaces/:slug/spaces',
    async ({ params, query, headers, jwt: verifier, status }) => {
      const token = headers.authorization?.slice('Bearer '.length);
      if (!(await verifier.verify(token))) return status(401, { message: 'Unauthorized' });
      const { page, pageSize } = query;
      const [namespace] = await sql`
        select id from namespaces where slug = ${params.slug} and deleted_at is null`;
      if (!namespace) return status(404, { message: 'Namespace not found' });
      const [spaces, [{ total }]] = await Promise.all([
        sql`
          select id, name, slug, description, tags from spaces
          where namespace_id = ${namespace.id} and deleted_at is null
          order by id limit ${pageSize} offset ${(page - 1) * pageSize}`,
        sql`
          select count(*)::int as total from spaces
          where namespace_id = ${namespace.id} and deleted_at is null`,
      ]);
      return { spaces, page, pageSize, total, totalPages: Math.ceil(total / pageSize) };
    },
    {
      query: t.Object({
        page: t.Number({ minimum: 1, default: 1 }),
        pageSize: t.Number({ minimum: 1, maximum: 200, default: 50 }),
      }),
      response: {
        200: Page,
        401: t.Object({ message: t.String() }),
        404: t.Object({ message: t.String() }),
      },
    },
  )
  .listen({ hostname: '127.0.0.1', port: Number(process.env.PORT) });
