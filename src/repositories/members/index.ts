import type { RepositoryContext } from '../context.js';
import { deleteMember } from './delete.js';
import { listMembers } from './list.js';
import { putMember } from './put.js';

/** Creates the repository of members; its statements are prepared once per connection. */
export function membersRepository(context: RepositoryContext) {
  return {
    ...listMembers(context),
    put: putMember(context),
    delete: deleteMember(context),
  };
}

export type MembersRepository = ReturnType<typeof membersRepository>;
