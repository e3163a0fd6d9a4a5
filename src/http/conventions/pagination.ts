import type { FastifyReply, FastifyRequest } from 'fastify';

interface Paged {
  page: number;
  pageSize: number;
  totalPages: number;
}

/**
 * Sets the header `Link` (RFC 8288) with `first`, `prev`, `next` and `last`, unless the list has a single page.
 *
 * @param skippedMax the highest offset of a page that is served; `last` is omitted beyond it
 */
export function setLinkHeader(
  { url }: Pick<FastifyRequest, 'url'>,
  reply: FastifyReply,
  { page, pageSize, totalPages }: Paged,
  skippedMax: number,
): void {
  if (page === 1 && totalPages <= 1) return;
  // Split at the first `?` only: the query may contain others.
  const [, path = '', query = ''] = /^([^?]*?)\/?(?:\?(.*))?$/s.exec(url) ?? [];
  const others = new URLSearchParams(query);
  others.delete('page');
  const rest = others.size > 0 ? `&${others.toString()}` : '';
  const link = (rel: string, to: number) => `<${path}?page=${to}${rest}>; rel="${rel}"`;
  const last = Math.max(totalPages, 1);
  const links = [
    link('first', 1),
    ...(page > 1 ? [link('prev', Math.min(page - 1, last))] : []),
    ...(page < last ? [link('next', page + 1)] : []),
    ...((last - 1) * pageSize <= skippedMax ? [link('last', last)] : []),
  ];
  void reply.header('link', links.join(', '));
}

/** Declares the header of `setLinkHeader`. */
export const linkHeader = {
  link: {
    type: 'string',
    description:
      'The `first`, `prev`, `next` and `last` page (RFC 8288), if there are several pages',
  },
};
