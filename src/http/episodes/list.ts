import { type Static, Type } from '@sinclair/typebox';
import { episodeStatus } from '../../db/schema/episodes.js';
import { episodeSortFields, selectEpisodes } from '../../repositories/episodes/list.js';
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
import { ref } from '../conventions/schemas.js';
import { PermanentRedirect } from '../errors/redirect.js';
import { FolderPath } from '../folders/path.js';
import type { AddEpisodeRoute } from './routes.js';
import { EpisodeList } from './schema.js';

const Query = ListQuery({
  items: 'episodes',
  searched: 'the name or the description',
  sortFields: episodeSortFields,
  filters: {
    folder: Type.Optional({
      ...FolderPath,
      description:
        'Episodes in the folder with this path. The list is empty if there is no such folder.',
    }),
    recursive: Type.Boolean({
      default: false,
      description: 'Whether `folder` includes the folders below it',
    }),
    status: Type.Optional(
      Type.Array(
        Type.Unsafe<(typeof episodeStatus.enumValues)[number]>(
          Type.String({ enum: episodeStatus.enumValues, description: 'A status' }),
        ),
        {
          maxItems: episodeStatus.enumValues.length,
          description:
            'Episodes with this status. Repeat it for episodes with any of the statuses.',
        },
      ),
    ),
  },
});

const toListOptions = selector((query: Static<typeof Query>) => {
  const filters = {
    ...commonFilters(query),
    folder: query.folder ?? null,
    recursive: query.recursive,
    statuses: query.status ?? [],
  };
  return selectEpisodes(filters, orderOf(query, episodeSortFields));
});

export const listEpisodes: AddEpisodeRoute = (app, episodes) => {
  app.get(
    '/episodes',
    {
      config: {
        scope: 'spaces:read',
        role: 'viewer',
        problems: ['space_not_found'],
        isSearch: searchRule('recursive'),
      },
      schema: {
        operationId: 'listEpisodes',
        summary: 'List the episodes of a project',
        description: 'By default active episodes, oldest first. An episode must match all filters.',
        tags: ['episodes'],
        params: ContentParams({}),
        querystring: Query,
        headers: ReadConditions,
        response: { 200: pageOf(ref(EpisodeList)), 304: NotModified, 308: PermanentRedirect },
      },
    },
    (request, reply) => {
      const selection = toListOptions(request.query);
      return sendContentList(request, reply, { key: 'episodes', lists: episodes.lists, selection });
    },
  );
};
