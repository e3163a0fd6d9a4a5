import { ServiceError } from '../../errors.js';
import type { FoldersRepository } from '../../repositories/folders/index.js';
import type { App, ContentRoutes } from '../contents/space.js';

/** The repository and the paths of the operations on folders. */
export interface FolderRoutes extends ContentRoutes {
  folders: FoldersRepository;
}

/** Adds an operation. */
export type AddFolderRoute = (app: App, routes: FolderRoutes) => void;

/** @throws `ServiceError` `folder_not_found` */
export function found<Value>(value: Value | null): Value {
  if (value !== null) return value;
  throw new ServiceError(
    'folder_not_found',
    'The space has no folder with this id. List its folders to see which there are.',
  );
}
