import AjvCompiler from '@fastify/ajv-compiler';
import FastJsonStringifyCompiler from '@fastify/fast-json-stringify-compiler';
import { ajvOptions } from './validation.js';

type ValidatorBuilder = ReturnType<typeof AjvCompiler>;
type BuilderArguments = Parameters<ValidatorBuilder>;
type Route = Parameters<ReturnType<ValidatorBuilder>>[0];
type SerializerFactory = ReturnType<typeof FastJsonStringifyCompiler>;

/**
 * Ajv, but for path parameters: their schemas describe them, and one that does not fit is a resource
 * that cannot exist, which is 404 and not 400.
 */
export function validatorFactory() {
  const build = AjvCompiler();
  return (...[sharedSchemas, options]: BuilderArguments) => {
    const compileAll = build(sharedSchemas, options);
    const compileFirst = build(sharedSchemas, {
      customOptions: { ...ajvOptions, allErrors: false },
    });
    const compileOnce = onceForEachSchema((route: Route) =>
      boundedValidator(compileFirst(route), compileAll(route)),
    );
    return (route: Route) =>
      typeof route === 'object' && route.httpPart === 'params'
        ? compileOnce({ ...route, schema: {} })
        : compileOnce(route);
  };
}

type Validator = ReturnType<ReturnType<ValidatorBuilder>>;

/** Up to so many values every violation of a request is found: as many as a batch of ordinary items has. */
const VALUES_MAX = 1500;

/**
 * Rejects a larger value by its first violation: limits of size come first in a schema, and finding each of
 * thirty thousand violations would keep the process busy for a list that nobody reads.
 */
function boundedValidator(first: Validator, all: Validator): Validator {
  const bounded = Object.assign((value: unknown) => {
    const chosen = hasMoreValues(value, VALUES_MAX) ? first : all;
    const isValid = chosen(value);
    bounded.errors = chosen.errors ?? null;
    return isValid;
  }, all);
  return bounded;
}

/** @returns whether a parsed JSON value holds more values than a limit; it looks at no more than that */
function hasMoreValues(value: unknown, limit: number): boolean {
  const waiting = [value];
  for (let seen = 0; waiting.length > 0; seen += 1) {
    if (seen + waiting.length > limit) return true;
    const next = waiting.pop();
    if (typeof next === 'object' && next !== null) {
      const inside: unknown[] = Array.isArray(next) ? next : Object.values(next);
      if (inside.length > limit) return true;
      waiting.push(...inside);
    }
  }
  return false;
}

/**
 * Fastify's own serializers, each compiled for its first answer: most of them are those of problems, and
 * all of them would be a tenth of the start.
 */
export function serializerFactory(): SerializerFactory {
  const build = FastJsonStringifyCompiler();
  return (sharedSchemas, options) => {
    const compile = build(sharedSchemas, options);
    return onceForEachSchema((route: Parameters<typeof compile>[0]) => {
      let serialize: ReturnType<typeof compile> | undefined;
      return (answer: unknown) => (serialize ??= compile(route))(answer);
    });
  };
}

/**
 * Routes have most of their schemas in common, problems above all: to compile each of them for each
 * route would take a third of the start.
 *
 * @param compile given the route that a schema belongs to, with it as `schema`
 */
function onceForEachSchema<Route, Compiled>(compile: (route: Route) => Compiled) {
  const known = new Map<string, Compiled>();
  return (route: Route): Compiled => {
    const isPart = typeof route === 'object' && route !== null && 'schema' in route;
    const key = JSON.stringify(isPart ? route.schema : route);
    const compiled = known.get(key) ?? compile(route);
    known.set(key, compiled);
    return compiled;
  };
}
