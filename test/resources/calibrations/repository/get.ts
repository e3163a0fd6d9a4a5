import { sql } from 'drizzle-orm';
import type {
  ContentCaller,
  ContentOperations,
} from '../../../../src/repositories/contents/operations.js';
import { calibrations } from '../table.js';
import { calibrationItem, calibrationTag, isCalibration } from './item.js';

export function getCalibration({ prepareRead, reading }: ContentOperations) {
  const read = prepareRead(
    'calibration_get',
    sql`select id::text as ids, ${calibrationTag} as tag, ${calibrationItem} as item,
        false as is_deleted, false as is_protected
      from ${calibrations} where ${isCalibration} and ${reading.allowed}`,
  );
  return (caller: ContentCaller, calibrationId: string) => read(caller, { calibrationId });
}

export type GetCalibration = ReturnType<typeof getCalibration>;
