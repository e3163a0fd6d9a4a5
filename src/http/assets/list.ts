import { type Static, Type } from '@sinclair/typebox';
import { assetSortFields, selectAssets } from '../../repositories/assets/list.js';
import { sendContentList } from '../contents/list.js';
import { ContentParams } from '../contents/space.js';
import { NotModified, ReadConditions } from '../conventions/etag.js';
import { pageOf } from '../conventions/list-page.js';
import {
  commonFilters,
  ListQuery,
  orderOf,
  searchRule,
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
    episode: Type.Optional({ ...Name, description: 'Assets of the episode with this name.' }),
    prefix: Type.Optional({
      ...FolderPath,
      description: 'Assets with this path, or with a path below it. Only whole segments match.',
    }),
    kind: Type.Optional(
      Type.Array(Kind, {
        maxItems: KINDS_MAX,
        description: `Assets of this kind. Repeat it, up to ${KINDS_MAX} times, for assets of any of the kinds.`,
        examples: [['video']],
      }),
    ),
    checksum: Type.Optional(Checksum),
  },
});

const toListOptions = selector((query: Static<typeof AssetQuery>) => {
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
        isSearch: searchRule(),
      },
      schema: {
        operationId: 'listAssets',
        summary: 'List the assets of a project',
        description:
          'By default active assets, of the space itself and of its episodes, oldest first. An asset must match all filters.',
        tags: ['assets'],
        params: ContentParams({}),
        querystring: AssetQuery,
        headers: ReadConditions,
        response: { 200: pageOf(ref(AssetList)), 304: NotModified, 308: PermanentRedirect },
      },
    },
    (request, reply) => {
      const selection = toListOptions(request.query);
      return sendContentList(request, reply, { key: 'assets', lists: assets.lists, selection });
    },
  );
};
