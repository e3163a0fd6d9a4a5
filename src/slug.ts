import { createHash } from 'node:crypto';

/** The pattern of a slug. */
export const SLUG_PATTERN = '^[a-z0-9][a-z0-9._-]{0,63}$';
export const SLUG_MAX_LENGTH = 64;

const slugExpression = new RegExp(SLUG_PATTERN);

/** Letters that Unicode does not decompose into a base letter and a mark. */
const transliterations: Record<string, string> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ł: 'l',
  ħ: 'h',
  ı: 'i',
  ŋ: 'n',
  ŧ: 't',
};
const transliterable = new RegExp(`[${Object.keys(transliterations).join('')}]`, 'gu');

const HASH_LENGTH = 8;

/**
 * @param text a path segment or a field
 * @returns whether a namespace or a space can have this slug
 */
export function isSlug(text: string): boolean {
  return slugExpression.test(text);
}

/**
 * Derives a slug from a name. It is deterministic, so that a repeated create is 409.
 *
 * @param name a trimmed, non-empty name
 * @returns a valid slug; with a short hash of the name appended if it has letters that cannot be in a slug;
 *   `space-` and the hash if no letter is left
 */
export function deriveSlug(name: string): string {
  const latin = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    // Lower-casing can decompose again (İ becomes i and a combining dot).
    .replace(/\p{M}/gu, '')
    .replace(transliterable, (letter) => transliterations[letter] ?? '');
  const base = latin.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
  const lostLetters = /[^a-z0-9\P{L}]|[^a-z0-9\P{N}]/u.test(latin);

  if (base !== '' && !lostLetters) return cutAtHyphen(base, SLUG_MAX_LENGTH);
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_LENGTH);
  const stem = base === '' ? 'space' : cutAtHyphen(base, SLUG_MAX_LENGTH - HASH_LENGTH - 1);
  return `${stem}-${hash}`;
}

/** Shortens a slug to at most `length` characters, at a hyphen if possible. */
function cutAtHyphen(text: string, length: number): string {
  if (text.length <= length) return text;
  const cut = text.lastIndexOf('-', length);
  return text.slice(0, cut > 0 ? cut : length);
}
