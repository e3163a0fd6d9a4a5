import postgres from 'postgres';
import { ConfigError } from './config/load.js';
import { DatabaseNotReadyError, refusedSetting } from './db/errors.js';
import { EmbeddedPostgresError } from './development/postgres/error.js';

/** @returns the message for the user where the cause is known, otherwise the stack */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (
    error instanceof ConfigError ||
    error instanceof DatabaseNotReadyError ||
    error instanceof EmbeddedPostgresError
  ) {
    return error.message;
  }
  // Drizzle wraps the driver's error in one whose message contains the statement.
  if (error.cause instanceof Error) return explain(error.cause);
  const refused = refusedSetting(error);
  if (refused !== null) {
    return `The pooler of DATABASE_URL rejects the setting ${refused}. Set it for the role instead of in DATABASE_URL (alter role … set ${refused} = …), and apply migrations on a direct connection.`;
  }
  const code = 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return 'The port is in use. Set PORT (or METRICS_PORT) to another one, or to 0 for any free port.';
    case 'EADDRNOTAVAIL':
      return `HOST is not an address of this machine: ${error.message}`;
    case 'EACCES':
    case 'EROFS':
      return `Permission denied: ${error.message}`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `A host name in DATABASE_URL or HOST cannot be resolved: ${error.message}`;
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
    case 'CONNECT_TIMEOUT':
    case 'CONNECTION_CLOSED':
      return `The database of DATABASE_URL cannot be reached: ${error.message}`;
    case 'NO_PRIMARY':
      return `${error.message}, or none can be reached. Check the hosts and target_session_attrs.`;
    default:
      return error instanceof postgres.PostgresError
        ? `PostgreSQL reports an error: ${error.message}`
        : (error.stack ?? error.message);
  }
}
