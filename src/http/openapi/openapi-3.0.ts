/**
 * Converts an OpenAPI 3.1 document to 3.0.3, for generators without support for 3.1. It converts the features
 * of 3.1 that the document uses: type lists with null, `examples` of a schema, and the identifier of the
 * license. Not by `@apiture/openapi-down-convert`, which would add its own TypeScript (65 MB) to production.
 *
 * @param document parsed JSON, which is not modified
 */
export function toOpenApi30(document: object): Record<string, unknown> {
  return { ...convertMembers(document), openapi: '3.0.3' };
}

/**
 * The name of the path parameter `slug`. The list of spaces also has a query parameter `slug`, and some
 * generators confuse the two. The name of a path parameter is not sent.
 */
const NAMESPACE_SLUG = 'namespaceSlug';

function convertMembers(node: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(node).flatMap(([key, value]): [string, unknown][] => convert(key, value)),
  );
}

/** @returns the members that replace a member */
function convert(key: string, value: unknown): [string, unknown][] {
  if (key === 'type' && Array.isArray(value)) {
    const types: unknown[] = value;
    return [
      ['type', types.find((type) => type !== 'null')],
      ['nullable', true],
    ];
  }
  // 3.0 has no identifier of a license, and only one example of a schema.
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
