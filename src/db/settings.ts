/** How values are written as text, which postgres.js reads in one form alone. Poolers keep track of these. */
export const formats = {
  DateStyle: 'ISO, MDY',
  TimeZone: 'UTC',
  standard_conforming_strings: 'on',
};

/** Settings that the statements rely on, whatever `ALTER DATABASE` or `ALTER ROLE` set. */
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
  // Else it takes an index with only the first column of an order, and sorts all rows that share a value.
  enable_incremental_sort: 'off',
  // Else it reads the ids of a whole large namespace, to fetch fewer of the rows that another index names.
  cpu_index_tuple_cost: '0.2',
  // As text, because postgres.js omits the value 0.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
};

/** @returns the planner settings that the `options` of a connection string leave to the service; Citus needs others */
export function planningBeside(options = ''): Record<string, string> {
  return Object.fromEntries(
    Object.entries(planning).filter(([name]) => !options.includes(`${name}=`)),
  );
}

/**
 * @param options of the connection string
 * @returns what each session of the service is to have, beside the formats; a pooler may refuse to pass it on
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
