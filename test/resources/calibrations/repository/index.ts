import { contentOperations } from '../../../../src/repositories/contents/operations.js';
import type { RepositoryContext } from '../../../../src/repositories/context.js';
import { createCalibration } from './create.js';
import { deleteCalibration } from './delete.js';
import { getCalibration } from './get.js';
import { listCalibrations } from './list.js';
import { updateCalibration } from './update.js';

export function calibrationsRepository(context: RepositoryContext) {
  const operations = contentOperations(context);
  const get = getCalibration(operations);
  return {
    lists: listCalibrations(context),
    get,
    create: createCalibration(context, operations),
    update: updateCalibration(context, operations, get),
    delete: deleteCalibration(context, operations, get),
  };
}

export type CalibrationsRepository = ReturnType<typeof calibrationsRepository>;
