import { type Static, Type } from '@sinclair/typebox';
import { assetSortFields, selectAssets } from '../../repositories/assets/list.js';
import { sendContentList } from '../contents/list.js';
import { ContentParams } from '../contents/space.js';
import { NotModified, ReadConditions } from '../conventions/etag.js';
import { pageOf } from '../conventions/list-page.js';
import {
  commonFilters,
  isSearch,
  ListQuery,
  orderOf,
  selector,
} from '../conventions/list-query.js';
import { Name, ref } from '../conventions/schemas.js';
import { PermanentRedirect } from '../errors/redirect.js';
import { FolderPath } from '../folders/path.js';
import type { AddAssetRoute } from './routes.js';
import { AssetList, Checksum, Kind } from './schema.js';

const KINDS_MAX = 50;

const AssetQuery = ListQuery({
  items: 'assets',
  searched: 'the path inside its episode, or of the name',
  sortFields: assetSortFields,
  filters: {
    episode: Type.Optional({ ...Name, description: 'The name of an episode: the assets in it.' }),
    prefix: Type.Optional({
      ...FolderPath,
      description: 'A path: what it names, and what lies below it, segment by segment.',
    }),
    kind: Type.Optional(
      Type.Array(Kind, {
        maxItems: KINDS_MAX,
        description: `A kind. Repeated: any of them, at most ${KINDS_MAX}.`,
        examples: [['video']],
      }),
    ),
    checksum: Type.Optional(Checksum),
  },
});

const selectionOf = selector((query: Static<typeof AssetQuery>) => {
  const filters = {
    ...commonFilters(query),
    episode: query.episode ?? null,
    prefix: query.prefix ?? null,
    kinds: query.kind ?? [],
    checksum: query.checksum ?? null,
  };
  return selectAssets(filters, orderOf(query, assetSortFields));
});

export const listAssets: AddAssetRoute = (app, assets) => {
  app.get(
    '/assets',
    {
      config: {
        scope: 'spaces:read',
        role: 'viewer',
        problems: ['space_not_found'],
        isSearch: isSearch(),
      },
      schema: {
        operationId: 'listAssets',
        summary: 'List the assets of a project',
        description:
          'Active assets, of the space itself and of its episodes, oldest first, unless asked otherwise. Filters are combined.',
        tags: ['assets'],
        params: ContentParams({}),
        querystring: AssetQuery,
        headers: ReadConditions,
        response: { 200: pageOf(ref(AssetList)), 304: NotModified, 308: PermanentRedirect },
      },
    },
    (request, reply) => {
      const selection = selectionOf(request.query);
      return sendContentList(request, reply, { key: 'assets', lists: assets.lists, selection });
    },
  );
};
