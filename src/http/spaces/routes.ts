import type { Static } from '@sinclair/typebox';
import { renamed } from '../../repositories/access/namespace-resolver.js';
import type { Principal } from '../../repositories/access/principal.js';
import type { NewSpace } from '../../repositories/spaces/columns.js';
import type { SpacesRepository } from '../../repositories/spaces/index.js';
import { deriveSlug } from '../../slug.js';
import { spaceNotFound } from '../contents/space.js';
import type { AddRoute } from '../resource.js';
import type { SpaceCreate, SpaceParams } from './schema.js';

/** Adds an operation on spaces. */
export type AddSpaceRoute = AddRoute<SpacesRepository>;

/**
 * @returns the space that was found
 * @throws `ServiceError` `space_not_found`, with the current slug when it has another one
 */
export async function spaceOrNotFound<Value>(
  spaces: SpacesRepository,
  { user, params }: { user: Principal; params: Static<typeof SpaceParams> },
  value: Value | null,
): Promise<Value> {
  if (value !== null) return value;
  const currentSlug = await spaces.currentSlug(user, params.slug, params.projectSlug);
  if (currentSlug !== null) throw renamed('space', currentSlug);
  throw spaceNotFound();
}

/** @returns the space of a body, with defaults for omitted fields */
export function newSpace(body: Static<typeof SpaceCreate>): NewSpace {
  const { name, slug, description, tags: sent, metadata } = body;
  return {
    name,
    slug: slug ?? deriveSlug(name),
    description: description ?? null,
    tags: sent ?? [],
    metadata: metadata ?? null,
  };
}

/** @returns the URL path of a space, with the noun that the API document shows */
export function spacePath(namespace: string, { slug }: { slug: string }): string {
  return `/namespaces/${namespace}/projects/${slug}`;
}

/** @returns the value of a statement that always writes */
export function written<Value>(value: Value | null): Value {
  if (value !== null) return value;
  throw new Error('PostgreSQL inserted a space and did not return it');
}
