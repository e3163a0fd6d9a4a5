import { type Static, Type } from '@sinclair/typebox';
import { selectSpaces, sortFields, type SpaceListOptions } from '../../repositories/spaces/list.js';
import { commonFilters, ListQuery, orderOf, selector } from '../conventions/list-query.js';
import { Slug } from '../conventions/schemas.js';

const SLUGS_MAX = 100;

/** The query string of the list of spaces. */
export const SpaceListQuery = ListQuery({
  items: 'spaces',
  searched: 'the name, the slug or the description',
  sortFields,
  filters: {
    slug: Type.Optional(
      Type.Array(Type.String({ ...Slug, description: 'A slug' }), {
        maxItems: SLUGS_MAX,
        description: `The space with this slug. Repeat it, up to ${SLUGS_MAX} times, for spaces with any of the slugs.`,
        examples: [['robotics-lab']],
      }),
    ),
  },
});

/**
 * @returns the selection of a query string
 * @throws `ServiceError` `validation_failed` for a value that its schema cannot check
 */
export const toListOptions = selector((asked: Static<typeof SpaceListQuery>): SpaceListOptions => {
  const filters = { ...commonFilters(asked), slugs: asked.slug ?? [] };
  return selectSpaces(filters, orderOf(asked, sortFields));
});
