import { ServiceError } from '../../errors.js';
import type { EpisodesRepository } from '../../repositories/episodes/index.js';
import type { AddRoute } from '../resource.js';
import { isText } from '../server/keywords.js';

/** Adds an operation on episodes. */
export type AddEpisodeRoute = AddRoute<EpisodesRepository>;

/**
 * @returns the name in a path, normalized as stored names are; empty, which no episode is called, if it is
 *   invalid
 */
export function episodeName(name: string): string {
  return isText(name) ? name.normalize('NFC') : '';
}

/** @throws `ServiceError` `episode_not_found` */
export function orNotFound<Value>(value: Value | null): Value {
  if (value !== null) return value;
  throw new ServiceError(
    'episode_not_found',
    'The space has no episode with this name. List its episodes, or restore a deleted one.',
  );
}

/** @returns the URL path of an episode, with the noun that the API document shows */
export function episodePath(space: string, name: string): string {
  return `${space}/episodes/${encodeURIComponent(name)}`;
}
