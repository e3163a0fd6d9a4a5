/** Values that no schema expects. */
import fc, { type Arbitrary } from 'fast-check';

/** Marks JSON that `toJson` writes unchanged. */
const RAW = '@raw@';
const raw = (json: string) => RAW + json + RAW;

export const hostileText = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\0',
    'a\0b',
    '\ud800',
    'a\udfff',
    '\ufeff',
    '\u2028',
    '__proto__',
    'constructor',
    "'; drop table spaces; --",
    '%00',
    '../../etc/passwd',
    'null',
    'ß'.repeat(64),
    '🤖',
    '\u200b',
    'a\u202eb',
    'a\u0007b',
    ' a ',
    'Cafe\u0301',
    'می\u200cخواهم',
    '👩\u200d🔬',
    'क्\u200dष',
  ),
  fc.integer({ min: 0, max: 5 }).map((length) => 'é'.repeat(length * 13)),
  fc
    .constantFrom(63, 64, 65, 199, 200, 201, 255, 256, 4999, 5000, 5001)
    .map((length) => 'a'.repeat(length)),
  fc.string({ unit: 'binary', maxLength: 70 }),
);

const nested = (depth: number) => raw('{"a":'.repeat(depth) + '1' + '}'.repeat(depth));

/** Values that no schema accepts, or that lie at the limit of one. */
export const hostileValue: Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom(
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 31,
    2 ** 53,
    1e308,
    5e-324,
    [],
    {},
    [null],
    [[]],
    ['a', 'a'],
    Object.fromEntries([['__proto__', { admin: true }]]),
    { constructor: { prototype: { admin: true } } },
    { a: '\0' },
    { '\0': 1 },
    { '\udc00': '\ud800' },
    { toString: 1, valueOf: null, hasOwnProperty: [] },
    ['a', ' a'],
    ['e\u0301', 'é'],
    ['__proto__', '__proto__'],
    raw('9007199254740993'),
    raw('{"id":-9007199254740993}'),
    raw('{"n":[1e-400]}'),
    raw('{"n":5e-324,"m":[1e308,1e308,1e308]}'),
    raw(`[${'1,'.repeat(9000)}1]`),
    raw('1e999'),
    raw('-0'),
    raw('1E-7'),
    raw('0.1000000000000000055511151231257827'),
    raw('12345678901234567890123456789'),
    raw('{"a":1,"a":2}'),
    raw('{"n":-0,"m":1e400}'),
    raw('{"n":-1e-7,"m":1.7976931348623157e308}'),
    nested(15),
    nested(16),
    nested(17),
    nested(3000),
    { big: 'x'.repeat(16 * 1024 - 10) },
    { big: 'x'.repeat(16 * 1024 - 9) },
    Array.from({ length: 50 }, (_, index) => `tag ${index}`),
    Array.from({ length: 51 }, (_, index) => `tag ${index}`),
    'x'.repeat(70_000),
  ),
  fc.jsonValue({ maxDepth: 3, noUnicodeString: false }),
);

/** @returns JSON with unchanged raw parts */
export function toJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    new RegExp(`"${RAW}(.*?)${RAW}"`, 'g'),
    (_whole, json: string) => json.replaceAll('\\"', '"'),
  );
}
