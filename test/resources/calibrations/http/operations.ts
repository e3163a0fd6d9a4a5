import { Type } from '@sinclair/typebox';
import { itemOf, sendItem, sendItemUnlessKnown } from '../../../../src/http/contents/item.js';
import { sendContentList } from '../../../../src/http/contents/list.js';
import {
  callerOf,
  ContentParams,
  possibleId,
  requireSpace,
  spaceNotFound,
} from '../../../../src/http/contents/space.js';
import {
  expectedVersions,
  NotModified,
  ReadConditions,
  withETag,
  WriteConditions,
} from '../../../../src/http/conventions/etag.js';
import {
  IdempotencyHeader,
  idempotencyKey,
  markReplayed,
} from '../../../../src/http/conventions/idempotency-key.js';
import { pageOf } from '../../../../src/http/conventions/list-page.js';
import { PageQuery, ref } from '../../../../src/http/conventions/schemas.js';
import type { AddRoute } from '../../../../src/http/resource.js';
import { metadataMerge, PATCH_TYPES } from '../../../../src/http/server/json-body.js';
import type { CalibrationsRepository } from '../repository/index.js';
import {
  Calibration,
  CalibrationCreate,
  CalibrationList,
  CalibrationParams,
  CalibrationUpdate,
} from './schema.js';

type Add = AddRoute<CalibrationsRepository>;

const tags = ['calibrations'];
const reading = { scope: 'spaces:read', role: 'viewer', problems: ['space_not_found'] } as const;
const writing = { scope: 'spaces:write', role: 'editor', problems: ['space_not_found'] } as const;
const config = ({ problems, ...needs }: typeof reading | typeof writing) => ({
  ...needs,
  problems: [...problems],
});

/** Throws the problem of a missing space, because the table of problems has no code for calibrations. */
function found<Value>(value: Value | null): Value {
  if (value === null) throw spaceNotFound();
  return value;
}

const list: Add = (app, calibrations) => {
  app.get(
    '/calibrations',
    {
      config: config(reading),
      schema: {
        operationId: 'listCalibrations',
        summary: 'List calibrations',
        tags,
        params: ContentParams({}),
        querystring: PageQuery,
        headers: ReadConditions,
        response: { 200: pageOf(ref(CalibrationList)), 304: NotModified },
      },
    },
    (request, reply) =>
      sendContentList(request, reply, {
        key: 'calibrations',
        lists: calibrations.lists,
        selection: {
          state: 'active',
          sort: 'createdAt',
          descending: false,
          conditions: [],
          values: {},
        },
      }),
  );
};

const create: Add = (app, calibrations) => {
  app.post(
    '/calibrations',
    {
      config: config(writing),
      schema: {
        operationId: 'createCalibration',
        summary: 'Create a calibration',
        tags,
        params: ContentParams({}),
        headers: IdempotencyHeader,
        body: ref(CalibrationCreate),
        response: { 201: itemOf(ref(Calibration)) },
      },
    },
    async (request, reply) => {
      const { name, metadata } = request.body;
      const key = idempotencyKey(request.headers['idempotency-key'], request.body);
      const fields = { name, metadata: metadata ?? null };
      const outcome = await calibrations.create(callerOf(request), fields, key);
      const item = found(requireSpace(request, outcome));
      markReplayed(reply, item);
      void reply.code(201);
      return sendItem(reply, item);
    },
  );
};

const get: Add = (app, calibrations) => {
  app.get(
    '/calibrations/:calibrationId',
    {
      config: config(reading),
      schema: {
        operationId: 'getCalibration',
        summary: 'Get a calibration',
        tags,
        params: CalibrationParams,
        headers: ReadConditions,
        response: { 200: itemOf(ref(Calibration)), 304: NotModified },
      },
    },
    async (request, reply) => {
      const id = possibleId(request.params.calibrationId);
      const outcome = await calibrations.get(callerOf(request), id);
      return sendItemUnlessKnown(reply, request.headers, found(requireSpace(request, outcome)));
    },
  );
};

const update: Add = (app, calibrations) => {
  app.patch(
    '/calibrations/:calibrationId',
    {
      config: config(writing),
      schema: {
        operationId: 'updateCalibration',
        summary: 'Update a calibration',
        tags,
        consumes: PATCH_TYPES,
        params: CalibrationParams,
        headers: WriteConditions,
        body: ref(CalibrationUpdate),
        response: { 200: itemOf(ref(Calibration)) },
      },
    },
    async (request, reply) => {
      const outcome = await calibrations.update(
        callerOf(request),
        possibleId(request.params.calibrationId),
        request.body,
        expectedVersions(request.headers),
        metadataMerge(request, request.body.metadata),
      );
      return sendItem(reply, found(requireSpace(request, outcome)));
    },
  );
};

const remove: Add = (app, calibrations) => {
  app.delete(
    '/calibrations/:calibrationId',
    {
      config: config(writing),
      schema: {
        operationId: 'deleteCalibration',
        summary: 'Delete a calibration',
        tags,
        params: CalibrationParams,
        headers: WriteConditions,
        response: { 204: withETag(Type.Null({ description: 'Deleted' })) },
      },
    },
    async (request, reply) => {
      const id = possibleId(request.params.calibrationId);
      const outcome = await calibrations.delete(
        callerOf(request),
        id,
        expectedVersions(request.headers),
      );
      const { tag } = found(requireSpace(request, outcome));
      return reply.code(204).header('etag', `"${tag}"`).send(null);
    },
  );
};

export const calibrationOperations = [list, create, get, update, remove];
