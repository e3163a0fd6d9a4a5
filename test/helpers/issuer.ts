import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { Test } from 'tap';

export interface SigningKey {
  /** the key in the form that the issuer publishes */
  publicJwk: JWK;
  /** @param header added to `alg` and `kid`, or replacing them */
  sign(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
}

/** @param kid absent for a key without an id */
export async function signingKey(alg: 'RS256' | 'ES256' | 'EdDSA', kid?: string) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const id = kid === undefined ? {} : { kid };
  const key: SigningKey = {
    publicJwk: { ...(await exportJWK(publicKey)), ...id },
    sign: (claims, header) =>
      new SignJWT({ sub: 'alice', exp: Math.floor(Date.now() / 1000) + 3600, ...claims })
        .setProtectedHeader({ alg, ...id, ...header })
        .sign(privateKey),
  };
  return key;
}

/** The JWKS endpoint of a token issuer. */
export interface Issuer {
  url: URL;
  /** the number of requests that the issuer has received, for any path */
  requests: number;
  /** the response to every request */
  answer: { status: number; body: string; headers?: Record<string, string> };
  publish(...keys: SigningKey[]): void;
  close(): Promise<void>;
}

/** Starts an issuer on 127.0.0.1 that publishes these keys. */
export async function startIssuer(t: Test, ...keys: SigningKey[]): Promise<Issuer> {
  const server = createServer((_request, response) => {
    issuer.requests += 1;
    const { status, body, headers } = issuer.answer;
    response.writeHead(status, { 'content-type': 'application/jwk-set+json', ...headers });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const issuer: Issuer = {
    url: new URL(`http://127.0.0.1:${portOf(server.address())}/jwks`),
    requests: 0,
    answer: { status: 200, body: '' },
    publish: (...published) => {
      const body = JSON.stringify({ keys: published.map(({ publicJwk }) => publicJwk) });
      issuer.answer = { status: 200, body };
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  issuer.publish(...keys);
  t.teardown(() => issuer.close());
  return issuer;
}

/** @throws when the server does not listen on a port */
export function portOf(address: AddressInfo | string | null): number {
  if (typeof address !== 'object' || address === null) throw new Error('It listens on no port');
  return address.port;
}
