import { sql } from 'drizzle-orm';
import type { JsonObject } from '../../../../src/db/schema/columns.js';
import { param } from '../../../../src/repositories/access/statement.js';
import { inSpace } from '../../../../src/repositories/contents/access.js';
import {
  jsonObjectText,
  jsonString,
  jsonValue,
  versionMembers,
} from '../../../../src/repositories/contents/item.js';
import { calibrations } from '../table.js';

export interface CalibrationFields {
  name?: string;
  metadata?: JsonObject | null;
}

export const calibrationItem = jsonObjectText({
  id: jsonString(sql.raw('id')),
  name: jsonString(sql.raw('name')),
  metadata: jsonValue(sql.raw('metadata')),
  ...versionMembers,
});

export const calibrationTag = sql<string>`concat(id, '-', version)`;

export const isCalibration = sql`(${inSpace(calibrations)} and id = ${param('calibrationId')}::uuid
  and deleted_at is null)`;

export const written = sql`select id::text as ids, ${calibrationTag} as tag, ${calibrationItem} as item,
  version = 1 as inserted from written`;
