import AjvCompiler from '@fastify/ajv-compiler';
import FastJsonStringifyCompiler from '@fastify/fast-json-stringify-compiler';
import { ajvOptions } from './validation.js';

type ValidatorBuilder = ReturnType<typeof AjvCompiler>;
type BuilderArguments = Parameters<ValidatorBuilder>;
type Route = Parameters<ReturnType<ValidatorBuilder>>[0];
type SerializerFactory = ReturnType<typeof FastJsonStringifyCompiler>;

/**
 * Validates with Ajv, except for path parameters: their schemas are documentation only, because an invalid one
 * stands for a resource that cannot exist, which is 404 and not 400. Each validator is compiled on its first use:
 * compiling all of them takes a quarter of the start.
 */
export function validatorFactory() {
  const build = AjvCompiler();
  return (...[sharedSchemas, options]: BuilderArguments) => {
    const compileAll = build(sharedSchemas, options);
    const compileFirst = build(sharedSchemas, {
      customOptions: { ...ajvOptions, allErrors: false },
    });
    const shape = compileAll({ schema: {} });
    const compileOnce = onceForEachSchema((route: Route) =>
      boundedValidator(
        onFirstUse(() => compileFirst(route)),
        onFirstUse(() => compileAll(route)),
        shape,
      ),
    );
    return (route: Route) =>
      typeof route === 'object' && route.httpPart === 'params'
        ? compileOnce({ ...route, schema: {} })
        : compileOnce(route);
  };
}

type Validator = ReturnType<ReturnType<ValidatorBuilder>>;

/**
 * Up to this number of values, which a batch of typical items has, all violations of a request are reported.
 */
const VALUES_MAX = 1500;

/**
 * Reports only the first violation of a larger value: schemas check limits of size first, and collecting thirty
 * thousand violations would block the event loop.
 *
 * @param shape any validator, for the properties of its type; Fastify reads only `errors`
 */
function boundedValidator(first: () => Validator, all: () => Validator, shape: Validator) {
  const bounded = Object.assign((value: unknown) => {
    const validate = hasMoreValues(value, VALUES_MAX) ? first() : all();
    const isValid = validate(value);
    bounded.errors = validate.errors ?? null;
    return isValid;
  }, shape);
  return bounded;
}

/** @returns a function that calls `make` once, on its first call */
function onFirstUse<Value>(make: () => Value): () => Value {
  let value: Value | undefined;
  return () => (value ??= make());
}

/**
 * @returns whether a parsed JSON value contains more values than a limit, after visiting at most that number
 */
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
 * Fastify's serializers, each compiled on its first use: compiling all of them, most of which are for problems,
 * takes a tenth of the start.
 */
export function serializerFactory(): SerializerFactory {
  const build = FastJsonStringifyCompiler();
  return (sharedSchemas, options) => {
    const compile = build(sharedSchemas, options);
    return onceForEachSchema((route: Parameters<typeof compile>[0]) => {
      const serialize = onFirstUse(() => compile(route));
      return (answer: unknown) => serialize()(answer);
    });
  };
}

/**
 * Compiles equal schemas only once. Routes share most of their schemas, problems above all; compiling each of
 * them for each route takes a third of the start.
 *
 * @param compile compiles the `schema` of a route
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
