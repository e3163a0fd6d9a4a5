type Node = Record<string, unknown>;

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;
const nodeOf = (value: unknown): Node => (isNode(value) ? value : {});
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/**
 * Compares two OpenAPI documents as a client would. What it knows to break callers: an operation,
 * a parameter, a success status or a response field that is gone; a response field that may now be
 * absent; a parameter or a body field that is new and required, or has become so; a type that is
 * another one; a value of a request that is no longer taken.
 *
 * @returns a line for each breaking change; none when the major version is higher
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
    const values = listOf(b['enum']);
    if (side === 'request' && values.length > 0) {
      const gone = listOf(a['enum']).filter((value) => !values.includes(value));
      if (gone.length > 0) changes.push(`${where}: no longer takes ${gone.join(', ')}`);
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
