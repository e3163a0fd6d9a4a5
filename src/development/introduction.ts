import type { TokenConfig } from '../config/load.js';
import { DEMO, developer } from './demo.js';
import { signToken } from './token.js';

/**
 * The text that `npm start` prints: the addresses, a token and the first calls.
 *
 * @param origin of the server, such as `http://127.0.0.1:3000`
 * @param token the configuration of tokens; a token can only be signed with a shared secret
 * @param isOwn whether the start created the database and the secret; otherwise no token is printed
 * @returns several lines
 */
export async function introduction(
  origin: string,
  token: TokenConfig,
  isOwn: boolean,
): Promise<string> {
  const where = `\n  API         ${origin}\n  Swagger UI  ${origin}/docs\n`;
  if (token.key instanceof URL) {
    return `${where}\n  Tokens come from the issuer whose keys are at ${token.key.href}\n`;
  }
  if (!isOwn) {
    return `${where}\n  A token: npm run token -- --sub ${developer.subject}, with the same JWT_SECRET set\n`;
  }
  const jwt = await signToken(token.key, {
    subject: developer.subject,
    issuer: token.issuer,
    audience: token.audience,
    expiresIn: '1 day',
  });
  const json = `-H 'content-type: application/json'`;
  return `${where}
A token for "${developer.subject}", valid for a day. Paste it behind "Authorize" in Swagger UI:

  ${jwt}

In a shell: list, create and update:

  export TOKEN=${jwt}

  curl -H "authorization: Bearer $TOKEN" ${origin}/namespaces/${DEMO}/spaces

  curl -H "authorization: Bearer $TOKEN" ${json} \\
    -d '{"name": "First Steps"}' ${origin}/namespaces/${DEMO}/spaces

  curl -H "authorization: Bearer $TOKEN" ${json} -X PATCH \\
    -d '{"description": "Updated description"}' ${origin}/namespaces/${DEMO}/projects/robotics-lab
`;
}
