type Node = Record<string, unknown>;

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;
const nodeOf = (value: unknown): Node => (isNode(value) ? value : {});
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/**
 * Compares two OpenAPI documents. A change is breaking when
 * - an operation, a parameter, a success status or a response field is removed, or a response field becomes
 *   optional;
 * - a parameter or a field of a body becomes required;
 * - a type changes;
 * - a request schema is narrowed: a limit is tightened, a pattern or a format changes, a value or additional
 *   properties are no longer accepted;
 * - an enum of a response gains a value.
 *
 * @returns one line for each breaking change; none when the major version is higher
 */
export function breakingChanges(before: unknown, after: unknown): string[] {
  const [old, now] = [nodeOf(before), nodeOf(after)];
  if (major(now) > major(old)) return [];
  const changes: string[] = [];
  for (const [path, methods] of Object.entries(nodeOf(old['paths']))) {
    for (const [method, operation] of Object.entries(nodeOf(methods))) {
      const name = `${method} ${path}`;
      const successor = nodeOf(nodeOf(now['paths'])[path])[method];
      if (!isNode(successor)) changes.push(`${name}: the operation is gone`);
      else compareOperation(name, nodeOf(operation), successor);
    }
  }
  return changes;

  function compareOperation(name: string, was: Node, is: Node): void {
    if (was['operationId'] !== is['operationId']) changes.push(`${name}: another operationId`);
    const oldOnes = parametersOf(was);
    const newOnes = parametersOf(is);
    for (const [key, parameter] of oldOnes) {
      const successor = newOnes.get(key);
      if (successor) {
        compare(`${name}: ${key}`, parameter['schema'], successor['schema'], 'request', []);
      } else changes.push(`${name}: ${key} is gone`);
    }
    for (const [key, parameter] of newOnes) {
      if (parameter['required'] === true && oldOnes.get(key)?.['required'] !== true) {
        changes.push(`${name}: ${key} is now required`);
      }
    }
    compareContent(`${name}: body`, was['requestBody'], is['requestBody'], 'request');
    for (const [status, response] of Object.entries(nodeOf(was['responses']))) {
      const successor = nodeOf(is['responses'])[status];
      if (isNode(successor)) {
        compareContent(`${name}: ${status}`, response, successor, 'response');
      } else if (status.startsWith('2')) changes.push(`${name}: ${status} is gone`);
    }
  }

  function compareContent(where: string, was: unknown, is: unknown, side: Side): void {
    for (const [type, media] of Object.entries(nodeOf(nodeOf(was)['content']))) {
      const successor = nodeOf(nodeOf(is)['content'])[type];
      if (isNode(successor)) compare(where, nodeOf(media)['schema'], successor['schema'], side, []);
      else changes.push(`${where}: ${type} is gone`);
    }
  }

  function compare(where: string, was: unknown, is: unknown, side: Side, seen: unknown[]): void {
    const a = resolve(old, was);
    const b = resolve(now, is);
    if (seen.includes(a)) return;
    const within = [...seen, a];
    const [sent, taken] = side === 'request' ? [typesOf(a), typesOf(b)] : [typesOf(b), typesOf(a)];
    if (sent.some((type) => !taken.includes(type))) {
      changes.push(`${where}: the type is another`);
    }
    if (side === 'request') {
      for (const restriction of restrictions(a, b)) changes.push(`${where}: ${restriction}`);
    }
    const [fewer, more] = side === 'request' ? [b, a] : [a, b];
    const values = listOf(fewer['enum']);
    const others = listOf(more['enum']).filter((value) => !values.includes(value));
    if (values.length > 0 && others.length > 0) {
      const words = side === 'request' ? 'no longer takes' : 'may now be';
      changes.push(`${where}: ${words} ${others.join(', ')}`);
    }
    const fields = nodeOf(b['properties']);
    for (const [field, schema] of Object.entries(nodeOf(a['properties']))) {
      if (field in fields) compare(`${where}.${field}`, schema, fields[field], side, within);
      else changes.push(`${where}.${field} is gone`);
    }
    const [wasRequired, isRequired] = [listOf(a['required']), listOf(b['required'])];
    const [from, to] = side === 'request' ? [isRequired, wasRequired] : [wasRequired, isRequired];
    for (const field of from.filter((name) => !to.includes(name))) {
      const words = side === 'request' ? 'is now required' : 'may now be absent';
      if (side === 'request' || String(field) in fields) {
        changes.push(`${where}.${String(field)} ${words}`);
      }
    }
    if (isNode(a['items'])) compare(`${where}[]`, a['items'], b['items'], side, within);
  }
}

type Side = 'request' | 'response';

/** @returns the ways in which a schema of a request accepts less than before */
function restrictions(was: Node, is: Node): string[] {
  const tightened = (name: string, isTighter: (from: number, to: number) => boolean) => {
    const [from, to] = [was[name], is[name]];
    if (typeof to !== 'number' || (typeof from === 'number' && !isTighter(from, to))) return [];
    return [`${name} is now ${to}`];
  };
  const changed = (name: string) =>
    is[name] !== undefined && is[name] !== was[name] ? [`another ${name}`] : [];
  return [
    ...['maxLength', 'maximum', 'exclusiveMaximum', 'maxItems', 'maxProperties'].flatMap((name) =>
      tightened(name, (from, to) => to < from),
    ),
    ...['minLength', 'minimum', 'exclusiveMinimum', 'minItems', 'minProperties'].flatMap((name) =>
      tightened(name, (from, to) => to > from),
    ),
    ...['pattern', 'format', 'multipleOf', 'uniqueItems'].flatMap(changed),
    ...(is['additionalProperties'] === false && was['additionalProperties'] !== false
      ? ['other properties are no longer taken']
      : []),
  ];
}

function major(document: Node): number {
  return Number.parseInt(String(nodeOf(document['info'])['version']), 10);
}

function parametersOf(operation: Node): Map<string, Node> {
  return new Map(
    listOf(operation['parameters'])
      .map(nodeOf)
      .map((parameter) => [`${String(parameter['in'])} ${String(parameter['name'])}`, parameter]),
  );
}

function typesOf({ type }: Node): unknown[] {
  return Array.isArray(type) ? type : [type];
}

/** Follows a reference to a component. */
function resolve(document: Node, schema: unknown): Node {
  const { $ref } = nodeOf(schema);
  if (typeof $ref !== 'string') return nodeOf(schema);
  return $ref
    .replace(/^#\//, '')
    .split('/')
    .reduce((node, key) => nodeOf(node[key]), document);
}
