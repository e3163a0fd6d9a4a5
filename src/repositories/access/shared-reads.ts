import type { Statement } from './statement.js';

/**
 * Makes of a statement that only reads one that is sent once for all callers who ask for the same before
 * it is sent: those of one turn of the event loop. No answer is stale, because each caller has asked before
 * PostgreSQL takes the snapshot. The parameters name the caller, so that no answer crosses callers.
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
