import { test } from 'tap';
import { startService } from '../helpers/app.js';
import { furnish, operations, people } from '../helpers/operations.js';

const expected = {
  'cache-control': 'private, no-cache',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

test('every answer has the security headers and no banner', async (t) => {
  const service = await startService(t);
  const owner = await service.as(people.owner);
  const answers = {
    'no token': await service.send({ method: 'GET', path: '/namespaces' }),
    'no route': await service.send({ method: 'GET', path: '/nowhere' }),
    'no URL': await service.send({ method: 'GET', path: '/namespaces/%zz' }),
    'not JSON': await owner.post('/namespaces', '{'),
    health: await service.send({ method: 'GET', path: '/livez' }),
    document: await service.send({ method: 'GET', path: '/openapi.json' }),
  };
  for (const [index, { title, request }] of operations.entries()) {
    await furnish(service, `team-${index}`);
    Object.assign(answers, { [title]: await owner.send(request(`team-${index}`)) });
  }
  for (const [title, { headers }] of Object.entries(answers)) {
    t.match(headers, expected, title);
    for (const banner of ['server', 'x-powered-by', 'via']) t.notOk(banner in headers, title);
  }
});

test('Swagger UI keeps a policy under which it works, and the other headers', async (t) => {
  const service = await startService(t);
  const { headers } = await service.send({ method: 'GET', path: '/docs/' });
  t.match(headers['content-security-policy'], /default-src 'self'/);
  t.equal(headers['x-content-type-options'], 'nosniff');
});
