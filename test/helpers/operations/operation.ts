import type { Scope } from '../../../src/http/auth/scopes.js';
import type { Role } from '../../../src/repositories/access/principal.js';
import type { Send } from '../app.js';

/** A request of an operation that succeeds in a namespace of `seedNamespace`. */
export interface Operation {
  /** the operationId, with the path or the media type where several requests share it */
  title: string;
  id: string;
  scope: Scope;
  /** the lowest role that may send it; null where it addresses no namespace */
  role: Role | null;
  /** the status for a caller with that role */
  status: number;
  request: (namespace: string) => Send;
}

export const mergePatch = { 'content-type': 'application/merge-patch+json' };
