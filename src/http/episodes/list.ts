import { type Static, Type } from '@sinclair/typebox';
import { episodeStatus } from '../../db/schema/episodes.js';
import { episodeSortFields, selectEpisodes } from '../../repositories/episodes/list.js';
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
      description: 'The path of a folder: what lies in it. One that is not there holds nothing.',
    }),
    recursive: Type.Boolean({
      default: false,
      description: 'Whether `folder` stands for everything below it, too',
    }),
    status: Type.Optional(
      Type.Array(
        Type.Unsafe<(typeof episodeStatus.enumValues)[number]>(
          Type.String({ enum: episodeStatus.enumValues, description: 'A status' }),
        ),
        { maxItems: episodeStatus.enumValues.length, description: 'Repeated: any of them.' },
      ),
    ),
  },
});

const selectionOf = selector((query: Static<typeof Query>) => {
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
        isSearch: isSearch('recursive'),
      },
      schema: {
        operationId: 'listEpisodes',
        summary: 'List the episodes of a project',
        description: 'Active episodes, oldest first, unless asked otherwise. Filters are combined.',
        tags: ['episodes'],
        params: ContentParams({}),
        querystring: Query,
        headers: ReadConditions,
        response: { 200: pageOf(ref(EpisodeList)), 304: NotModified, 308: PermanentRedirect },
      },
    },
    (request, reply) => {
      const selection = selectionOf(request.query);
      return sendContentList(request, reply, { key: 'episodes', lists: episodes.lists, selection });
    },
  );
};
