/** A schema of the document. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  examples?: unknown[];
  default?: unknown;
  enum?: unknown[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  properties?: Record<string, Schema>;
  required?: string[];
}

interface Media {
  schema?: Schema;
}

export interface Operation {
  operationId?: string;
  summary?: string;
  tags?: string[];
  security?: unknown[];
  parameters?: {
    name: string;
    in: string;
    description?: string;
    required?: boolean;
    example?: unknown;
    schema?: Schema;
  }[];
  requestBody?: { content: Record<string, Media> };
  responses?: Record<string, { description: string; content?: Record<string, Media> }>;
}

export interface OpenApiDocument {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

/** @returns whether parsed JSON has the outline of an OpenAPI document */
export function isOpenApi(value: unknown): value is OpenApiDocument {
  return typeof value === 'object' && value !== null && 'paths' in value && 'components' in value;
}

/** @returns a line for each missing declaration of an OpenAPI document */
export function complaintsAbout(document: unknown): string[] {
  if (!isOpenApi(document)) return ['not an OpenAPI document'];
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
  const ids = operations.map(({ operation }) => operation.operationId);
  return [
    ...operations.flatMap(({ method, path, operation }) =>
      complaintsAboutOperation(path, operation).map((words) => `${method} ${path}: ${words}`),
    ),
    ...ids
      .filter((id, index) => id !== undefined && ids.indexOf(id) !== index)
      .map((id) => `operationId ${String(id)} is used twice`),
    ...Object.entries(document.components.schemas)
      .filter(
        ([name, schema]) =>
          /^def-/.test(name) ||
          schema.description === undefined ||
          (name !== 'Problem' && schema.examples === undefined),
      )
      .map(([name]) => `component ${name}: no name, description or example`),
  ];
}

function complaintsAboutOperation(path: string, operation: Operation): string[] {
  const { operationId, summary, tags, parameters = [], requestBody, responses = {} } = operation;
  const complaints: string[] = [];
  const expect = (holds: boolean, words: string) => {
    if (!holds) complaints.push(words);
  };

  expect(operationId !== undefined, 'no operationId');
  expect(summary !== undefined, 'no summary');
  expect(tags?.length === 1, 'no tags');
  const statuses = Object.keys(responses);
  expect(
    statuses.some((status) => status.startsWith('2')),
    'no success status',
  );
  if (operation.security) {
    for (const [, name] of path.matchAll(/\{(\w+)\}/g)) {
      expect(
        parameters.some((parameter) => parameter.in === 'path' && parameter.name === name),
        `path parameter ${String(name)} is not declared`,
      );
    }
  }
  for (const { name, description, required, schema } of parameters) {
    expect(description !== undefined, `parameter ${name} has no description`);
    expect(schema?.type !== undefined, `parameter ${name} has no type`);
    expect(!required || schema?.default === undefined, `parameter ${name} needs no default`);
  }
  if (requestBody) expect(isNamed(requestBody.content), 'the body is not a named schema');
  for (const [status, { description, content = {} }] of Object.entries(responses)) {
    expect(description !== '', `${status} has no description`);
    expect(
      ['202', '204', '303', '304', '308'].includes(status) || isNamed(content),
      `${status} is not a named schema`,
    );
  }
  return complaints;
}

function isNamed(content: Record<string, Media>): boolean {
  const media = Object.values(content);
  return media.length > 0 && media.every(({ schema }) => schema?.$ref !== undefined);
}
