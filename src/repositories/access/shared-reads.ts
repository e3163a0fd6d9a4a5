import type { Statement } from './statement.js';

/**
 * Shares the execution of a read among callers that execute it with the same parameters in one turn of the
 * event loop. No result is stale, because each caller has asked before PostgreSQL takes the snapshot. The
 * parameters name the caller, so that no result crosses callers.
 *
 * @param statement one whose parameters are plain values
 * @returns the statement; callers share the rows and do not change them, and a failure rejects all of them
 */
export function shared<Row>(statement: Statement<Row>): Statement<Row> {
  const waiting = new Map<string, Promise<Row[]>>();
  return {
    getQuery: () => statement.getQuery(),
    execute(values) {
      const key = JSON.stringify(values);
      const earlier = waiting.get(key);
      if (earlier) return earlier;
      const rows = new Promise<Row[]>((resolve, reject) => {
        setImmediate(() => {
          waiting.delete(key);
          statement.execute(values).then(resolve, reject);
        });
      });
      waiting.set(key, rows);
      return rows;
    },
  };
}
