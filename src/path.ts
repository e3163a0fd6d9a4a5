/** The path of the root of a space, which is not a folder. */
export const ROOT = '/';

/** Maximum length of a path in characters, and maximum number of its segments. */
export const PATH_MAX_LENGTH = 1000;
export const PATH_MAX_SEGMENTS = 16;
export const SEGMENT_MAX_LENGTH = 100;

/** The number of characters by which paths are ordered: as many as fit into an index. */
export const COMPARED_LENGTH = 600;

/** @returns the path without its last segment */
export function parentPath(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 1));
}

/** @returns the last segment of a path */
export function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
