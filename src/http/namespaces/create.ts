import {
  createdResponse,
  IdempotencyHeader,
  idempotencyKey,
  markReplayed,
} from '../conventions/idempotency-key.js';
import { ref } from '../conventions/schemas.js';
import { type AddNamespaceRoute, sendNamespace } from './routes.js';
import { Namespace, NamespaceCreate } from './schema.js';

export const createNamespace: AddNamespaceRoute = (app, namespaces) => {
  app.post(
    '/namespaces',
    {
      config: {
        scope: 'namespaces:write',
        role: null,
        problems: ['namespace_not_found', 'quota_exceeded', 'slug_conflict'],
      },
      schema: {
        operationId: 'createNamespace',
        summary: 'Create a namespace',
        description: 'The caller becomes the first owner.',
        tags: ['namespaces'],
        headers: IdempotencyHeader,
        body: ref(NamespaceCreate),
        response: { 201: createdResponse(ref(Namespace)) },
      },
    },
    async (request, reply) => {
      const { slug, name, metadata } = request.body;
      const namespace = await namespaces.create(
        request.user,
        { slug, name: name ?? null, metadata: metadata ?? null },
        idempotencyKey(request.headers['idempotency-key'], request.body),
      );
      markReplayed(reply, namespace);
      void reply.code(201).header('location', `/namespaces/${slug}`);
      return sendNamespace(reply, namespace);
    },
  );
};
