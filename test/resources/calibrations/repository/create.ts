import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { param } from '../../../../src/repositories/access/statement.js';
import { countContents, countRows } from '../../../../src/repositories/contents/counters.js';
import {
  type ContentCaller,
  type ContentOperations,
  withItem,
} from '../../../../src/repositories/contents/operations.js';
import type { RepositoryContext } from '../../../../src/repositories/context.js';
import type { IdempotencyKey } from '../../../../src/repositories/idempotency.js';
import { jsonParam } from '../../../../src/repositories/spaces/columns.js';
import { calibrations } from '../table.js';
import { type CalibrationFields, written } from './item.js';

export function createCalibration(
  { db }: RepositoryContext,
  { prepareKeyedWrite }: ContentOperations,
) {
  const write = prepareKeyedWrite('calibration_create', (allowed) => ({
    expressions: [
      db.$with('written', {}).as(sql`
        insert into ${calibrations} (namespace_id, space_id, id, name, metadata)
        select ${param('namespaceId')}::uuid, ${param('spaceId')}::uuid, ${param('id')}::uuid,
          ${param('name')}, ${jsonParam('metadata')}
        where ${allowed} returning *`),
      countContents(db, countRows('calibrations', 'written', 1)),
    ],
    answer: written,
  }));
  return async (
    caller: ContentCaller,
    fields: Required<CalibrationFields>,
    key: IdempotencyKey | null,
  ) => withItem(await write(caller, { ...fields, id: uuidv7() }, 'createCalibration', key));
}
