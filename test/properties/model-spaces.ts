/** The operations on spaces in the model. */
import type { Role } from '../../src/repositories/access/principal.js';
import type { Model } from './model.js';
import {
  type Command,
  dropAnswers,
  erase,
  type Expected,
  ExpectedProblem,
  expectFree,
  isActive,
  nameOf,
  type Namespace,
  newSpace,
  noSpace,
  once,
  pageOf,
  remove,
  rename,
  restore,
  sixFields,
  slugsOf,
  type Space,
  toErase,
  toRestore,
} from './model-state.js';

/** The part of the model that the operations on spaces use. */
type Tenancy = Pick<Model, 'answers' | 'deletions' | 'find'>;

function findSpace(
  model: Tenancy,
  command: Command,
  needed: Role,
): { namespace: Namespace; space: Space } {
  const namespace = model.find(command, needed);
  const space = namespace.spaces.find((each) => isActive(each) && each.slug === command.space);
  if (!space) throw noSpace(namespace, command);
  return { namespace, space };
}

export function spaceOperations(model: Tenancy) {
  return {
    listSpaces: (command: Command): Expected => {
      const items = model
        .find(command, 'viewer')
        .spaces.filter(isActive)
        .map(({ id, name, slug, description }) => ({ id, name, slug, description, tags: [name] }));
      return { status: 200, body: pageOf('spaces', items, command.page, command.pageSize) };
    },

    createSpace: (command: Command, [id = '']: string[]): Expected => {
      const { spaces, texts, id: namespaceId } = model.find(command, 'editor');
      const slug = command.slug ?? command.space;
      const name = command.text ?? 'A space';
      return once(
        model.answers,
        command,
        nameOf(namespaceId, command, 'createSpace'),
        [slug, name],
        () => {
          expectFree(spaces, slug);
          const created = newSpace(id, slug, name);
          spaces.push(created);
          texts.push(id, ...(command.text === null ? [] : [command.text]));
          return { status: 201, body: sixFields(created) };
        },
      );
    },

    createSpaces: (command: Command, ids: string[]): Expected => {
      const { spaces, texts, id: namespaceId } = model.find(command, 'editor');
      const name = command.text ?? 'A space';
      const slugs = slugsOf(command);
      const asked = [...slugs, name];
      return once(
        model.answers,
        command,
        nameOf(namespaceId, command, 'createSpaces'),
        asked,
        () => {
          if (new Set(slugs).size < slugs.length) throw new ExpectedProblem(409, 'slug_conflict');
          for (const slug of slugs) expectFree(spaces, slug);
          const created = slugs.map((slug, index) => newSpace(ids[index] ?? '', slug, name));
          spaces.push(...created);
          texts.push(...ids, ...(command.text === null ? [] : [command.text]));
          return { status: 201, body: { spaces: created.map(sixFields) } };
        },
      );
    },

    ensureSpace: (command: Command, [id = '']: string[]): Expected => {
      const { spaces, texts } = model.find(command, 'editor');
      const { space: slug, text } = command;
      const existing = spaces.find((each) => isActive(each) && each.slug === slug);
      if (existing) return { status: 200, body: sixFields(existing) };
      const name = text ?? 'A space';
      const created = newSpace(id, slug, name);
      spaces.push(created);
      texts.push(id, ...(text === null ? [] : [text]));
      return { status: 201, body: sixFields(created) };
    },

    getSpace: (command: Command): Expected => {
      const { namespace, space } = findSpace(model, command, 'viewer');
      const { id, slug } = namespace;
      const contents = { folders: 0, episodes: 0, assets: 0 };
      const body = {
        ...sixFields(space),
        namespace: { id, slug },
        contents,
        version: space.version,
      };
      return { status: 200, body };
    },

    updateSpace: (command: Command): Expected => {
      const { namespace, space } = findSpace(model, command, 'editor');
      rename(space, namespace.spaces, namespace.formerSlugs, command.slug);
      if (command.text !== null) {
        space.description = command.text;
        namespace.texts.push(command.text);
      }
      if (command.slug !== null || command.text !== null) space.version += 1;
      return { status: 200, body: sixFields(space) };
    },

    deleteSpace: (command: Command): Expected => {
      const { namespace, space } = findSpace(model, command, 'editor');
      namespace.formerSlugs.delete(space.slug);
      return remove(space, (model.deletions += 1));
    },

    eraseSpace: (command: Command): Expected => {
      const namespace = model.find(command, 'owner');
      const { spaces, formerSlugs } = namespace;
      const found = toErase(spaces, command.space);
      if (!found) throw noSpace(namespace, command);
      if (isActive(found)) formerSlugs.delete(found.slug);
      dropAnswers(model.answers, found);
      return erase(found, spaces, formerSlugs);
    },

    restoreSpace: (command: Command): Expected => {
      const namespace = model.find(command, 'editor');
      const { id, spaces } = namespace;
      const name = nameOf(id, command, `restoreSpace ${command.space}`);
      return once(model.answers, command, name, [command.slug], () => {
        const found = toRestore(spaces, command.space);
        if (!found) throw noSpace(namespace, command);
        if (!isActive(found)) {
          expectFree(spaces, command.slug ?? found.slug);
          found.slug = command.slug ?? found.slug;
        }
        restore(found);
        return { status: 200, body: sixFields(found) };
      });
    },
  };
}
