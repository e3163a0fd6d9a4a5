/** Quotas; null for no limit. */
export interface Quotas {
  /** active namespaces that one subject created */
  readonly namespacesPerSubject: number | null;
  /** active spaces in one namespace */
  readonly spacesPerNamespace: number | null;
  readonly membersPerNamespace: number | null;
}

export const noQuotas: Quotas = {
  namespacesPerSubject: null,
  spacesPerNamespace: null,
  membersPerNamespace: null,
};
