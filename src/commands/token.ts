import { parseArgs } from 'node:util';
import { isProduction } from '../config/checks.js';
import { loadConfig } from '../config/load.js';
import { developmentSecret } from '../development/data.js';
import { signToken } from '../development/token.js';
import { CommandError, runCommand } from './run.js';

const OPTIONS = '--sub SUBJECT [--scope "SCOPE …"] [--expires "1 day"]';
const USAGE = `Usage: node dist/commands/token.js ${OPTIONS} (in a checkout npm run token -- …)`;

/** @throws `CommandError` for unknown options */
function readOptions() {
  try {
    return parseArgs({
      options: {
        sub: { type: 'string' },
        scope: { type: 'string' },
        expires: { type: 'string', default: '1 day' },
      },
    }).values;
  } catch {
    throw new CommandError(USAGE);
  }
}

await runCommand(async () => {
  const { sub, scope, expires } = readOptions();
  if (!sub) throw new CommandError(USAGE);
  // Production requires a database, which the command does not need.
  const { token } = loadConfig({ ...process.env, NODE_ENV: 'development' });
  const { key, issuer, audience } = token;
  if (key instanceof URL) {
    throw new CommandError('JWT_JWKS_URL is set: tokens come from that issuer.');
  }
  if (key === null && isProduction(process.env['NODE_ENV'])) {
    throw new CommandError('Set JWT_SECRET to the secret of the service.');
  }
  const secret = key ?? (await developmentSecret());
  try {
    const claims = { subject: sub, scope, issuer, audience, expiresIn: expires };
    console.log(await signToken(secret, claims));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CommandError('--expires must be a duration, such as "1 day" or "2 hours".');
  }
});
