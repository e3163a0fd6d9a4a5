import { inSpace } from '../../../../src/repositories/contents/access.js';
import { contentTotal } from '../../../../src/repositories/contents/counters.js';
import { contentLists, usualOrders } from '../../../../src/repositories/contents/lists.js';
import type { RepositoryContext } from '../../../../src/repositories/context.js';
import { datedItem } from '../../../../src/repositories/lists/item-json.js';
import { calibrations } from '../table.js';
import { calibrationItem as item } from './item.js';

export function listCalibrations(context: RepositoryContext) {
  return contentLists<'createdAt'>(context, {
    name: 'calibration',
    table: calibrations,
    deletedAt: calibrations.deletedAt,
    inContainer: inSpace(calibrations),
    counted: contentTotal(context.db, 'calibrations'),
    accessPaths: [],
    orders: { createdAt: usualOrders.createdAt },
    item: { active: item, deleted: datedItem(item), all: datedItem(item) },
  });
}
