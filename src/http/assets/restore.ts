import { itemOf, sendItem } from '../contents/item.js';
import { callerOf, possibleId, requireSpace } from '../contents/space.js';
import { expectedVersions } from '../conventions/etag.js';
import {
  idempotencyKey,
  markReplayed,
  replayedHeader,
  RestoreHeaders,
} from '../conventions/idempotency-key.js';
import { ref, RestoreAsIs } from '../conventions/schemas.js';
import { type AddAssetRoute, orNotFound } from './routes.js';
import { Asset, AssetParams } from './schema.js';

export const restoreAsset: AddAssetRoute = (app, assets) => {
  app.post(
    '/assets/:assetId/restore',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: [
          'write_protected',
          'space_not_found',
          'asset_not_found',
          'path_conflict',
          'episode_deleted',
        ],
      },
      schema: {
        operationId: 'restoreAsset',
        summary: 'Restore a deleted asset',
        description:
          'Restores the asset at its former path; a missing folder is created. An asset that is not deleted is returned unchanged.',
        tags: ['assets'],
        params: AssetParams,
        headers: RestoreHeaders,
        body: ref(RestoreAsIs),
        response: { 200: itemOf(ref(Asset), replayedHeader) },
      },
    },
    async (request, reply) => {
      const { headers, params } = request;
      const outcome = await assets.restore(
        callerOf(request),
        possibleId(params.assetId),
        expectedVersions(headers),
        idempotencyKey(headers['idempotency-key'], null),
      );
      const asset = orNotFound(requireSpace(request, outcome));
      markReplayed(reply, asset);
      return sendItem(reply, asset);
    },
  );
};
