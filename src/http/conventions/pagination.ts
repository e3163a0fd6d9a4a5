import type { FastifyReply, FastifyRequest } from 'fastify';

interface Paged {
  page: number;
  pageSize: number;
  totalPages: number;
}

/**
 * Tells where the other pages of a list are: `Link` (RFC 8288) with `first`, `prev`, `next` and `last`.
 * A list that is all on its first page has none.
 *
 * @param skippedMax how many items come before a page that is answered; `last` is left out where it has more
 * @returns the page, as it was given
 */
export function setLinkHeader<Page extends Paged>(
  { url }: Pick<FastifyRequest, 'url'>,
  reply: FastifyReply,
  paged: Page,
  skippedMax: number,
): Page {
  const { page, pageSize, totalPages } = paged;
  if (page === 1 && totalPages <= 1) return paged;
  // At the first one only: a query may hold others.
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
  return paged;
}

/** Declares the header of `linkPages`. */
export const linkHeader = {
  link: {
    type: 'string',
    description: 'The `first`, `prev`, `next` and `last` page (RFC 8288), where there are several',
  },
};
