/** The nouns in the paths of spaces. Every operation has both paths. */
const nouns = ['spaces', 'projects'] as const;

/** The prefixes of the paths of spaces. */
export const spacePrefixes = nouns.map((noun) => `/namespaces/:slug/${noun}`);

/** The prefixes of the paths of a space's contents. */
export const contentPrefixes = spacePrefixes.map((prefix) => `${prefix}/:projectSlug`);

/**
 * The API document shows each operation once: those of the collection with `spaces`, the others with
 * `projects`.
 */
const HIDDEN = /^\/namespaces\/:slug\/(?:projects(?:\/batch)?|spaces\/:projectSlug.*)$/;

/** @returns whether the API document shows the operations of a path only with the other noun */
export function isAlias(path: string): boolean {
  return HIDDEN.test(path);
}
