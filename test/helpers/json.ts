/** @returns a member of a parsed body, undefined where there is none */
export function pick(json: unknown, ...keys: (string | number)[]): unknown {
  let value = json;
  for (const key of keys) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

/** @throws when the member of the parsed body is not a string */
export function pickString(json: unknown, ...keys: (string | number)[]): string {
  const value = pick(json, ...keys);
  if (typeof value !== 'string') throw new TypeError(`${keys.join('.')} is not a string`);
  return value;
}

/** The pattern of a UUIDv7. */
export const uuidv7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The pattern of `Date.prototype.toISOString`. */
export const isoTimestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
