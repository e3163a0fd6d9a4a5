import { Type } from '@sinclair/typebox';
import { FOLDER_EXAMPLE } from '../../examples.js';
import { PATH_MAX_LENGTH, PATH_MAX_SEGMENTS, SEGMENT_MAX_LENGTH } from '../../path.js';

/** A name that is a segment of a URL path: no `.` and `..`, which clients resolve (RFC 3986 §5.2.4). */
export const SEGMENT_PATTERN = '^(?!\\.{1,2}$)[^/]*$';

const rules = `At most ${PATH_MAX_SEGMENTS} segments of 1 to ${SEGMENT_MAX_LENGTH} characters, each after a slash, at most ${PATH_MAX_LENGTH.toLocaleString('en')} characters in total; case-sensitive. The rules of names apply to each segment, and none may be \`.\` or \`..\`.`;

/** The path of a folder, or the root. */
export const FolderPath = Type.String({
  format: 'text',
  'x-path': 'root',
  minLength: 1,
  maxLength: PATH_MAX_LENGTH,
  description: `The path of a folder, \`/\` for the root. ${rules}`,
  examples: [FOLDER_EXAMPLE],
});

/** The path of a folder or an asset, which cannot be the root. */
export const ItemPath = (what: string) =>
  Type.String({
    format: 'text',
    'x-path': 'item',
    minLength: 1,
    maxLength: PATH_MAX_LENGTH,
    description: `${what} ${rules}`,
  });
