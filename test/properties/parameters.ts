import type { Test } from 'tap';

/**
 * The parameters of a property: constant, unless `PROPERTY_SEED` and `PROPERTY_RUNS` set
 * others.
 *
 * @param runs the default number of runs
 */
export function parameters(t: Test, runs: number): { seed: number; numRuns: number } {
  const seed = Number(process.env['PROPERTY_SEED'] ?? 20_261_124);
  const numRuns = Number(process.env['PROPERTY_RUNS'] ?? runs);
  t.comment(`PROPERTY_SEED=${seed} PROPERTY_RUNS=${numRuns}`);
  return { seed, numRuns };
}
