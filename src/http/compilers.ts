import AjvCompiler from '@fastify/ajv-compiler';
import FastJsonStringifyCompiler from '@fastify/fast-json-stringify-compiler';

type ValidatorFactory = ReturnType<typeof AjvCompiler>;
type SerializerFactory = ReturnType<typeof FastJsonStringifyCompiler>;

/**
 * Ajv, but for path parameters: their schemas describe them, and one that does not fit is a resource
 * that cannot exist, which is 404 and not 400 (contract §2.6).
 */
export function validatorFactory(): ValidatorFactory {
  const build = AjvCompiler();
  return (sharedSchemas, options) => {
    const compile = build(sharedSchemas, options);
    const compileOnce = onceForEachSchema(compile);
    return (route) =>
      typeof route === 'object' && route.httpPart === 'params'
        ? compileOnce({ ...route, schema: {} })
        : compileOnce(route);
  };
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
