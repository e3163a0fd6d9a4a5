import { Type } from '@sinclair/typebox';
import { ContentParams } from '../../../../src/http/contents/space.js';
import {
  Id,
  Metadata,
  Name,
  nextCursorProperty,
  PAGE_SIZE_MAX,
  pageProperties,
  ref,
  StoredMetadata,
  versionProperties,
} from '../../../../src/http/conventions/schemas.js';

export const Calibration = Type.Object(
  {
    id: Id,
    name: Type.String({ maxLength: 255, description: 'Unique in the space' }),
    metadata: StoredMetadata,
    ...versionProperties('calibration'),
  },
  { $id: 'Calibration', description: 'The calibration of a sensor' },
);

export const CalibrationList = Type.Object(
  {
    calibrations: Type.Array(ref(Calibration), {
      maxItems: PAGE_SIZE_MAX,
      description: 'The page',
    }),
    ...pageProperties,
    ...nextCursorProperty,
  },
  { $id: 'CalibrationList', description: 'A page of the calibrations of a space' },
);

export const CalibrationCreate = Type.Object(
  { name: Name, metadata: Type.Optional(Metadata) },
  { $id: 'CalibrationCreate', description: 'A new calibration', additionalProperties: false },
);

export const CalibrationUpdate = Type.Partial(CalibrationCreate, {
  $id: 'CalibrationUpdate',
  description: 'The fields of a calibration to change',
  additionalProperties: false,
});

export const CalibrationParams = ContentParams({
  calibrationId: Type.String({ maxLength: 36, description: 'The id of the calibration' }),
});

export const calibrationSchemas = [
  Calibration,
  CalibrationList,
  CalibrationCreate,
  CalibrationUpdate,
];
