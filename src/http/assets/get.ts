import { itemOf, sendItemUnlessKnown } from '../contents/item.js';
import { callerOf, possibleId, requireSpace } from '../contents/space.js';
import { NotModified, ReadConditions } from '../conventions/etag.js';
import { ref } from '../conventions/schemas.js';
import { PermanentRedirect } from '../errors/redirect.js';
import { type AddAssetRoute, orNotFound } from './routes.js';
import { Asset, AssetParams } from './schema.js';

export const getAsset: AddAssetRoute = (app, assets) => {
  app.get(
    '/assets/:assetId',
    {
      config: {
        scope: 'spaces:read',
        role: 'viewer',
        problems: ['space_not_found', 'asset_not_found'],
      },
      schema: {
        operationId: 'getAsset',
        summary: 'Get an asset',
        tags: ['assets'],
        params: AssetParams,
        headers: ReadConditions,
        response: { 200: itemOf(ref(Asset)), 304: NotModified, 308: PermanentRedirect },
      },
    },
    async (request, reply) => {
      const outcome = await assets.get(callerOf(request), possibleId(request.params.assetId));
      return sendItemUnlessKnown(
        reply,
        request.headers,
        orNotFound(requireSpace(request, outcome)),
      );
    },
  );
};
