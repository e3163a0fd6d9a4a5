import { Type } from '@sinclair/typebox';
import { FOLDER_EXAMPLE } from '../../examples.js';
import { PATH_MAX_LENGTH } from '../../path.js';

/** Of a name that is a segment of the path of a request: clients resolve `.` and `..` (RFC 3986 §5.2.4). */
export const SEGMENT_PATTERN = '^(?!\\.{1,2}$)[^/]*$';

const rules =
  'Segments of 1 to 100 characters after slashes, at most 16 and 1,000 characters in all, under the rules of names, none `.` or `..`; case-sensitive.';

/** The path of a folder, or the root. */
export const FolderPath = Type.String({
  format: 'text',
  'x-path': 'root',
  minLength: 1,
  maxLength: PATH_MAX_LENGTH,
  description: `The path of a folder, \`/\` for the root. ${rules}`,
  examples: [FOLDER_EXAMPLE],
});

/** The path of something that is not the root. */
export const ItemPath = (what: string) =>
  Type.String({
    format: 'text',
    'x-path': 'item',
    minLength: 1,
    maxLength: PATH_MAX_LENGTH,
    description: `${what} ${rules}`,
  });
