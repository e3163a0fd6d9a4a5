/** Text formats of values: postgres.js parses only these. Poolers track them per client. */
export const formats = {
  DateStyle: 'ISO, MDY',
  TimeZone: 'UTC',
  standard_conforming_strings: 'on',
};

/**
 * Settings that the statements rely on, set in each session in case `ALTER DATABASE` or `ALTER ROLE` changed
 * them.
 */
export const semantics = {
  IntervalStyle: 'postgres',
  array_nulls: 'on',
  backslash_quote: 'safe_encoding',
  bytea_output: 'hex',
  default_transaction_isolation: 'read committed',
  extra_float_digits: '1',
  row_security: 'on',
  search_path: 'public',
  transform_null_equals: 'off',
};

/**
 * Planner settings of a session. Each statement has one plan for namespaces of every size: planning it again
 * for each execution, as PostgreSQL does by default, costs three times its execution. Each statement also
 * uses an index: the planner knows only the average namespace, and because of one large namespace it would
 * scan the whole table, sort it, or start parallel workers for all others. See
 * docs/decisions/0004-generic-plans.md.
 */
export const planning = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_sort: 'off',
  // Otherwise the planner uses an index with only the first column of an order, and sorts all rows that share a
  // value.
  enable_incremental_sort: 'off',
  // Otherwise the planner reads all ids of a large namespace, to fetch fewer rows that another index finds.
  cpu_index_tuple_cost: '0.2',
  // As text, because postgres.js omits the value 0.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
};

/**
 * @returns the planner settings without those that the `options` of a connection string set; Citus needs other
 *   values
 */
export function planningBeside(options = ''): Record<string, string> {
  return Object.fromEntries(
    Object.entries(planning).filter(([name]) => !options.includes(`${name}=`)),
  );
}

/**
 * @param options of the connection string
 * @returns the settings of each session of the service, besides the formats; a pooler may reject them
 */
export function serviceSettings(
  statementTimeoutMs: number,
  options?: string,
): Record<string, string> {
  return {
    statement_timeout: String(statementTimeoutMs),
    ...semantics,
    ...planningBeside(options),
  };
}
