import { parseArgs } from 'node:util';
import { loadConfig } from '../config/load.js';
import { developmentSecret } from '../development/data.js';
import { signToken } from '../development/token.js';

const { values } = parseArgs({
  options: {
    sub: { type: 'string' },
    scope: { type: 'string' },
    expires: { type: 'string', default: '1 day' },
  },
});

if (!values.sub) {
  console.error('Usage: npm run token -- --sub SUBJECT [--scope "SCOPE …"] [--expires "1 day"]');
  process.exit(1);
}

const { key, issuer, audience } = loadConfig(process.env).token;
if (key instanceof URL) {
  console.error('JWT_JWKS_URL is set: tokens come from that issuer.');
  process.exit(1);
}
const token = await signToken(key ?? (await developmentSecret()), {
  subject: values.sub,
  scope: values.scope,
  issuer,
  audience,
  expiresIn: values.expires,
});
console.log(token);
