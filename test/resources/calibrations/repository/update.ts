import { sql } from 'drizzle-orm';
import { param } from '../../../../src/repositories/access/statement.js';
import { countContents, countRows } from '../../../../src/repositories/contents/counters.js';
import { hasTag, itemState } from '../../../../src/repositories/contents/item.js';
import type {
  ContentCaller,
  ContentOperations,
} from '../../../../src/repositories/contents/operations.js';
import { writeOrExplain } from '../../../../src/repositories/contents/state.js';
import type { RepositoryContext } from '../../../../src/repositories/context.js';
import { jsonParam } from '../../../../src/repositories/spaces/columns.js';
import { type MergeMetadata, updateFields } from '../../../../src/repositories/update-fields.js';
import { type Expected, versionParams } from '../../../../src/repositories/version.js';
import { calibrations } from '../table.js';
import type { GetCalibration } from './get.js';
import { type CalibrationFields, calibrationTag, isCalibration, written } from './item.js';

export function updateCalibration(
  { db }: RepositoryContext,
  { prepareWrite }: ContentOperations,
  get: GetCalibration,
) {
  const write = prepareWrite('calibration_update', (allowed) => ({
    expressions: [
      db.$with('written', {}).as(sql`
        update ${calibrations} set name = coalesce(${param('name')}, name),
          metadata = case when ${param('setMetadata')}::boolean then ${jsonParam('metadata')}
            else metadata end,
          version = version + 1, updated_at = now()
        where ${isCalibration} and ${allowed} and ${hasTag(calibrationTag)} returning *`),
      countContents(db, countRows('calibrations', 'written', 0)),
    ],
    answer: written,
  }));
  return (
    caller: ContentCaller,
    calibrationId: string,
    changes: CalibrationFields,
    expected: Expected,
    merge: MergeMetadata | null,
  ) => {
    const read = () => get(caller, calibrationId);
    const writeOnce = ({ name, metadata }: CalibrationFields, versions: Expected) => {
      const values = {
        ...versionParams(versions),
        calibrationId,
        name: name ?? null,
        setMetadata: metadata !== undefined,
        metadata: metadata ?? null,
      };
      return writeOrExplain({ write: () => write(caller, values), read }, versions);
    };
    const resource = { needed: 'editor' as const, stateOf: itemState, read, write: writeOnce };
    return updateFields(resource, changes, expected, merge);
  };
}
