import { itemOf, sendItem } from '../contents/item.js';
import { callerOf, possibleId, requireSpace } from '../contents/space.js';
import { expectedVersions, WriteConditions } from '../conventions/etag.js';
import { ref } from '../conventions/schemas.js';
import { metadataMerge, PATCH_TYPES } from '../server/json-body.js';
import { type AddAssetRoute, orNotFound } from './routes.js';
import { Asset, AssetParams, AssetUpdate } from './schema.js';

export const updateAsset: AddAssetRoute = (app, assets) => {
  app.patch(
    '/assets/:assetId',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: ['write_protected', 'space_not_found', 'asset_not_found', 'path_conflict'],
      },
      schema: {
        operationId: 'updateAsset',
        summary: 'Update an asset',
        description:
          'Only provided fields are updated. `metadata` is replaced whole under `application/json` and merged (RFC 7396) under `application/merge-patch+json`.',
        tags: ['assets'],
        consumes: PATCH_TYPES,
        params: AssetParams,
        headers: WriteConditions,
        body: ref(AssetUpdate),
        response: { 200: itemOf(ref(Asset)) },
      },
    },
    async (request, reply) => {
      const { headers, body, params } = request;
      const { tags, ...changes } = body;
      const given = { ...changes, ...(tags !== undefined && { tags: tags ?? [] }) };
      const outcome = await assets.update(
        callerOf(request),
        possibleId(params.assetId),
        given,
        expectedVersions(headers),
        metadataMerge(request, given.metadata),
      );
      return sendItem(reply, orNotFound(requireSpace(request, outcome)));
    },
  );
};
