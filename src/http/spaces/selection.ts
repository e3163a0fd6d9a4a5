import { type Static, Type } from '@sinclair/typebox';
import { selectSpaces, sortFields, type SpaceSelection } from '../../repositories/spaces/list.js';
import { commonFilters, ListQuery, orderOf, selector } from '../conventions/list-query.js';
import { Slug } from '../conventions/schemas.js';

const SLUGS_MAX = 100;

/** What the list of spaces takes. */
export const SpaceListQuery = ListQuery({
  items: 'spaces',
  searched: 'the name, the slug or the description',
  sortFields,
  filters: {
    slug: Type.Optional(
      Type.Array(Type.String({ ...Slug, description: 'A slug' }), {
        maxItems: SLUGS_MAX,
        description: `The slug of the space. Repeated: any of them, at most ${SLUGS_MAX}.`,
        examples: [['robotics-lab']],
      }),
    ),
  },
});

/**
 * @returns what was asked for
 * @throws `ServiceError` `validation_failed` where a value is not one after all
 */
export const toListOptions = selector((asked: Static<typeof SpaceListQuery>): SpaceSelection => {
  const filters = { ...commonFilters(asked), slugs: asked.slug ?? [] };
  return selectSpaces(filters, orderOf(asked, sortFields));
});
