import type { Static } from '@sinclair/typebox';
import { ServiceError } from '../../errors.js';
import type { AssetsRepository } from '../../repositories/assets/index.js';
import type { NewAsset } from '../../repositories/assets/item.js';
import type { AddRoute } from '../resource.js';
import type { AssetCreate } from './schema.js';

/** Adds an operation on assets. */
export type AddAssetRoute = AddRoute<AssetsRepository>;

/** @throws `ServiceError` `asset_not_found` */
export function orNotFound<Value>(value: Value | null): Value {
  if (value !== null) return value;
  throw new ServiceError(
    'asset_not_found',
    'The space has no asset with this id. List its assets, or restore a deleted one.',
  );
}

/** @returns the asset of a body, with null or an empty list for each omitted field */
export function newAsset(body: Static<typeof AssetCreate>): NewAsset {
  return {
    path: body.path,
    kind: body.kind,
    uri: body.uri,
    contentType: body.contentType ?? null,
    sizeBytes: body.sizeBytes ?? null,
    checksum: body.checksum ?? null,
    tags: body.tags ?? [],
    metadata: body.metadata ?? null,
    episode: body.episode ?? null,
  };
}

/** @returns the URL path of an asset, with the noun that the API document shows */
export function assetPath(space: string, id: string): string {
  return `${space}/assets/${id}`;
}
