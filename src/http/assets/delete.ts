import { Type } from '@sinclair/typebox';
import { callerOf, possibleId, rejectPermanent, requireSpace } from '../contents/space.js';
import { expectedVersions, withETag, WriteConditions } from '../conventions/etag.js';
import { type AddAssetRoute, orNotFound } from './routes.js';
import { AssetParams } from './schema.js';

export const deleteAsset: AddAssetRoute = (app, assets) => {
  app.delete(
    '/assets/:assetId',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: ['write_protected', 'space_not_found', 'asset_not_found'],
      },
      schema: {
        operationId: 'deleteAsset',
        summary: 'Delete an asset',
        description: 'A soft delete: the asset can be restored. Its path is free immediately.',
        tags: ['assets'],
        params: AssetParams,
        headers: WriteConditions,
        response: { 204: withETag(Type.Null({ description: 'Deleted' })) },
      },
      preValidation: rejectPermanent,
    },
    async (request, reply) => {
      const outcome = await assets.delete(
        callerOf(request),
        possibleId(request.params.assetId),
        expectedVersions(request.headers),
      );
      const { tag } = orNotFound(requireSpace(request, outcome));
      return reply.code(204).header('etag', `"${tag}"`).send(null);
    },
  );
};
