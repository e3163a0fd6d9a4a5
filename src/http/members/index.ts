import type { MembersRepository } from '../../repositories/members/index.js';
import type { ResourceRoutes } from '../resource.js';
import { deleteMember } from './delete.js';
import { listMembers } from './list.js';
import { putMember } from './put.js';
import { memberSchemas } from './schema.js';

/** The operations on members. */
export const memberRoutes: ResourceRoutes<MembersRepository> = {
  prefixes: ['/namespaces/:slug/members'],
  schemas: memberSchemas,
  operations: [listMembers, putMember, deleteMember],
};
