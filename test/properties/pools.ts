/** The names of resources: few of each kind, so that requests address the resources of earlier ones. */
export const pools = {
  slug: ['n0', 'n1'],
  projectSlug: ['s0', 's1', 's2'],
  subject: ['olga', 'ed', 'vic', 'mia', 'ünï/%2F code', '..a'],
  name: ['e0', 'e1'],
  // Replaced by the ids of existing resources.
  folderId: ['folder-0', 'folder-1'],
  assetId: ['asset-0', 'asset-1'],
};

/** @returns the values of a path parameter */
export function poolOf(name: string): string[] {
  return Object.entries(pools).find(([key]) => key === name)?.[1] ?? [];
}
