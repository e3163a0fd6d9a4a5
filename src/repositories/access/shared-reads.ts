import type { Statement } from './statement.js';

/**
 * Shares one execution of a read among requests with the same parameters in one iteration of the event loop. No
 * result is stale, because PostgreSQL takes the snapshot after all of the requests have arrived. The parameters
 * contain the caller, so that different callers never share a result.
 *
 * @param statement its parameters must be JSON values
 * @returns the statement; callers share the rows and must not modify them, and an error rejects all of them
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
