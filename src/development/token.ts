import { SignJWT } from 'jose';

/**
 * Signs an HS256 token, for development and tests; in production tokens come from their issuer.
 *
 * @param secret at least 32 bytes
 * @param claims `scope` as docs/api.md has it (Authorization), absent for all scopes but `admin`; `expiresIn` as jose
 *   takes it, such as `1 day`
 */
export function signToken(
  secret: string,
  claims: {
    subject: string;
    scope?: string | undefined;
    issuer?: string | null;
    audience?: string | null;
    expiresIn: string;
  },
): Promise<string> {
  const { subject, scope, issuer, audience, expiresIn } = claims;
  const token = new SignJWT(scope === undefined ? {} : { scope })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime(expiresIn);
  if (issuer) token.setIssuer(issuer);
  if (audience) token.setAudience(audience);
  return token.sign(Buffer.from(secret));
}
