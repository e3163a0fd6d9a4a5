/**
 * Converts an OpenAPI 3.1 document to 3.0.3, for generators that know no newer version. It converts the parts
 * of 3.1 that our documents use: type lists with null, `examples` of a schema, and the licence's identifier.
 * Ours, because `@apiture/openapi-down-convert` would bring a TypeScript of its own, 65 MB, into production.
 *
 * @param document parsed JSON; it stays unchanged
 */
export function toOpenApi30(document: object): Record<string, unknown> {
  return { ...convertMembers(document), openapi: '3.0.3' };
}

/**
 * The namespace's slug is a path parameter, the list takes slugs of spaces in its query string. Both are
 * called `slug`, and some of these generators take one for the other. The name of a path parameter is not
 * sent.
 */
const NAMESPACE_SLUG = 'namespaceSlug';

function convertMembers(node: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(node).flatMap(([key, value]): [string, unknown][] => convert(key, value)),
  );
}

/** @returns the members that take the place of one */
function convert(key: string, value: unknown): [string, unknown][] {
  if (key === 'type' && Array.isArray(value)) {
    const types: unknown[] = value;
    return [
      ['type', types.find((type) => type !== 'null')],
      ['nullable', true],
    ];
  }
  // Not yet in 3.0: the identifier of a licence, and more than one example of a schema.
  if (key === 'license') return [[key, { name: 'MIT' }]];
  if (key.startsWith('/'))
    return [[key.replace('{slug}', `{${NAMESPACE_SLUG}}`), convertValue(value)]];
  if (key === 'parameters' && Array.isArray(value)) return [[key, value.map(convertParameter)]];
  if (key === 'examples' && Array.isArray(value)) return [['example', value[0]]];
  return [[key, convertValue(value)]];
}

function convertParameter(parameter: unknown): unknown {
  const converted = convertValue(parameter);
  const isNamespace =
    isObject(converted) &&
    'in' in converted &&
    converted.in === 'path' &&
    'name' in converted &&
    converted.name === 'slug';
  return isNamespace ? { ...converted, name: NAMESPACE_SLUG } : converted;
}

function convertValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(convertValue);
  // A reference has no siblings in 3.0.
  if (isObject(value) && '$ref' in value) return { $ref: value.$ref };
  return isObject(value) ? convertMembers(value) : value;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
