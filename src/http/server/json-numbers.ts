import type { Violation } from '../../errors.js';

/** A fast check: without a match every number of the text is safe, and no full scan is needed. */
const MAYBE_UNSAFE = /\d{16}|\d[eE]/;

/** A string, a number or punctuation; white space and literals are skipped. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[{}[\],:]/gs;

/** Maximum length of the literal in the message. */
const SHOWN_MAX = 40;

/**
 * Finds a number that a double cannot represent (RFC 7493 §2.2): an integer beyond ±(2^53 - 1), such as a
 * nanosecond timestamp or a 64-bit id, or a number that overflows or underflows.
 *
 * @param text valid JSON
 * @param member the member whose value the text is; null for a whole body
 * @returns the violation of the first such number, with its path, or null
 */
export function findUnsafeNumber(text: string, member: string | null = null): Violation | null {
  if (!MAYBE_UNSAFE.test(text)) return null;
  /** the position in each enclosing container: the index in an array, the key in an object, as in the text */
  const path: (number | string)[] = member === null ? [] : [JSON.stringify(member)];
  let isKey = false;
  for (const [token] of text.matchAll(TOKEN)) {
    const last = path.length - 1;
    const place = path[last];
    if (token === '{') {
      path.push('');
      isKey = true;
    } else if (token === '[') {
      path.push(0);
      isKey = false;
    } else if (token === '}' || token === ']') {
      path.pop();
      isKey = false;
    } else if (token === ',') {
      if (typeof place === 'number') path[last] = place + 1;
      else isKey = true;
    } else if (token === ':') {
      isKey = false;
    } else if (token.startsWith('"')) {
      if (isKey) path[last] = token;
    } else if (!isSafe(token)) {
      const tokens = path.map(pointerToken);
      const isInMetadata = tokens.slice(0, -1).includes('metadata');
      return {
        path: tokens.map((each) => `/${each}`).join(''),
        code: 'number',
        message: `${token.slice(0, SHOWN_MAX)} ${isInMetadata ? AS_STRING : rangeOf(token)}`,
      };
    }
  }
  return null;
}

/** Only metadata may contain a string instead of a number. */
const AS_STRING = 'cannot be stored exactly: send it as a string';

/** @returns the bound that an unsafe number exceeds */
function rangeOf(literal: string): string {
  const value = Number(literal);
  if (value === 0) return 'is out of range: it is too close to 0';
  return value > 0
    ? `is out of range: it must be at most ${Number.MAX_SAFE_INTEGER}`
    : `is out of range: it must be at least ${Number.MIN_SAFE_INTEGER}`;
}

function isSafe(literal: string): boolean {
  const value = Number(literal);
  if (value === 0) return !/[1-9]/.test(literal.replace(/[eE].*$/, ''));
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

/** Escapes an index or a key for a JSON Pointer (RFC 6901 §3). */
function pointerToken(place: number | string): string {
  const key: unknown = typeof place === 'number' ? place : JSON.parse(place);
  return String(key).replaceAll('~', '~0').replaceAll('/', '~1');
}
