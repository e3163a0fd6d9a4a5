import { sql } from 'drizzle-orm';
import { countContents, countRows } from '../../../../src/repositories/contents/counters.js';
import { hasTag } from '../../../../src/repositories/contents/item.js';
import type {
  ContentCaller,
  ContentOperations,
} from '../../../../src/repositories/contents/operations.js';
import { writeOrExplain } from '../../../../src/repositories/contents/state.js';
import type { RepositoryContext } from '../../../../src/repositories/context.js';
import { type Expected, versionParams } from '../../../../src/repositories/version.js';
import { calibrations } from '../table.js';
import type { GetCalibration } from './get.js';
import { calibrationTag, isCalibration, written } from './item.js';

export function deleteCalibration(
  { db }: RepositoryContext,
  { prepareWrite }: ContentOperations,
  get: GetCalibration,
) {
  const write = prepareWrite('calibration_delete', (allowed) => ({
    expressions: [
      db.$with('written', {}).as(sql`
        update ${calibrations} set deleted_at = now(), version = version + 1, updated_at = now()
        where ${isCalibration} and ${allowed} and ${hasTag(calibrationTag)} returning *`),
      countContents(db, countRows('calibrations', 'written', -1)),
    ],
    answer: written,
  }));
  return (caller: ContentCaller, calibrationId: string, expected: Expected) => {
    const values = { ...versionParams(expected), calibrationId };
    const read = () => get(caller, calibrationId);
    return writeOrExplain({ write: () => write(caller, values), read }, expected);
  };
}
