import { ServiceError } from '../../errors.js';
import type { FoldersRepository } from '../../repositories/folders/index.js';
import type { AddRoute } from '../resource.js';

/** Adds an operation on folders. */
export type AddFolderRoute = AddRoute<FoldersRepository>;

/** @throws `ServiceError` `folder_not_found` */
export function orNotFound<Value>(value: Value | null): Value {
  if (value !== null) return value;
  throw new ServiceError(
    'folder_not_found',
    'The space has no folder with this id. List its folders to find the id.',
  );
}
