import { sql } from 'drizzle-orm';
import type { JsonObject } from '../../db/schema/columns.js';
import { namespaces } from '../../db/schema/namespaces.js';
import type { Role } from '../access/principal.js';
import { newRevision } from '../revision.js';

export const namespaceColumns = {
  id: namespaces.id,
  slug: namespaces.slug,
  name: namespaces.name,
  metadata: namespaces.metadata,
  version: namespaces.version,
  createdAt: namespaces.createdAt,
  updatedAt: namespaces.updatedAt,
};

export type NamespaceRow = Pick<typeof namespaces.$inferSelect, keyof typeof namespaceColumns>;

/** A namespace with the number of its active spaces. */
export type CountedNamespace = NamespaceRow & { spaces: number };

/** A namespace that the caller is a member of, with the role. */
export type OwnNamespace = Pick<NamespaceRow, 'id' | 'slug' | 'name'> & { role: Role };

export interface NewNamespace {
  slug: string;
  name: string | null;
  metadata: JsonObject | null;
}

/** Absent fields stay unchanged. */
export type NamespaceChanges = Partial<NewNamespace>;

/** The columns that every write of a namespace changes. */
export const nextVersion = {
  version: sql`${namespaces.version} + 1`,
  updatedAt: sql`now()`,
  revision: newRevision,
};

/** @returns the namespace of a row with the number of its active spaces */
export function counted(row: {
  namespace: NamespaceRow | null;
  total: { total: number } | null;
}): CountedNamespace | null {
  return row.namespace && { ...row.namespace, spaces: row.total?.total ?? 0 };
}
