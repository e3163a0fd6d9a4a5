/** The nouns of the paths of spaces. Both answer every operation. */
const nouns = ['spaces', 'projects'] as const;

/** Where the paths of spaces begin. */
export const spacePrefixes = nouns.map((noun) => `/namespaces/:slug/${noun}`);

/** Where the paths of the contents of a space begin. */
export const contentPrefixes = spacePrefixes.map((prefix) => `${prefix}/:projectSlug`);

/** The document shows each operation once: on `spaces` those of the collection, on `projects` the others. */
const HIDDEN = /^\/namespaces\/:slug\/(?:projects(?:\/batch)?|spaces\/:projectSlug.*)$/;

/** @returns whether the document shows the operations of a path at that of the other noun */
export function isAlias(path: string): boolean {
  return HIDDEN.test(path);
}
