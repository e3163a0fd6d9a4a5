import { sql } from 'drizzle-orm';
import { episodes } from '../../db/schema/episodes.js';
import type { ContentCaller, ContentOperations } from '../contents/operations.js';
import { episodeItem, episodeTag, isNamedEpisode } from './item.js';

/** Prepares the statement that finds an active or deleted episode by its name. */
export function getEpisode({ prepareRead, reading }: ContentOperations) {
  const read = prepareRead(
    'episode_find',
    sql`select id::text as ids, ${episodeTag()} as tag, ${episodeItem()} as item,
        deleted_at is not null as is_deleted, write_protected as is_protected
      from ${episodes} where ${isNamedEpisode} and ${reading.allowed}`,
  );
  return (caller: ContentCaller, episode: string) => read(caller, { episode });
}

export type GetEpisode = ReturnType<typeof getEpisode>;
