import { SignJWT } from 'jose';

/**
 * Signs an HS256 token for development and tests; in production an issuer signs tokens.
 *
 * @param secret at least 32 bytes
 * @param claims `scope` as in docs/api.md (Authorization), by default all scopes except `admin`; `expiresIn` in
 *   the format of jose, such as `1 day`
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
