/** The embedded PostgreSQL is not available; the message gives the user the reason and the remedy. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}
