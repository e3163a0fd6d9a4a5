/** The embedded PostgreSQL is not available; the message tells the user the cause and the fix. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}
