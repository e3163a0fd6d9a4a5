import { test } from 'tap';
import { anyAsset, startLabs } from '../../helpers/contents.js';
import { assertProblem, INVALID } from '../../helpers/spaces.js';

const EMPTY_DIGEST = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

const long = (length: number) => 'x'.repeat(length);

test('invalid fields and parameters are 400 and named, and nothing is created', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const { id: folderId } = await lab.folder('/f');
  await lab.episode('run');
  const { id: assetId } = await lab.asset('/file');
  const before = await lab.contents();
  const badPaths = [
    '',
    'a',
    'a/b',
    '/',
    '//',
    '/a/',
    '/a//b',
    '/.',
    '/..',
    '/a/../b',
    '/a/./b',
    '/ ',
    '/\u200b',
    '/a\u0000',
    '/a\u0007',
    '/a\u202eb',
    '/\ud800',
    `/${long(101)}`,
    '/a'.repeat(17),
    null,
    1,
    ['/a'],
    `/${long(100)}`.repeat(10),
  ];
  const badNames = [
    '.',
    '..',
    ' .. ',
    '',
    ' ',
    'a/b',
    '/',
    '\u200b',
    'a\u0000',
    'a\nb',
    'a\u2067b',
    long(201),
    null,
    1,
  ];
  const badUris = [
    '',
    'a',
    '/a/b',
    's3:',
    's3:/bucket/key',
    's3://',
    '//host/a',
    'http://host/a',
    'ftp://host/a',
    'javascript:alert(1)',
    'data:text/plain,a',
    'https://',
    'https:host',
    'https://user@host/a',
    'https://user:secret@host/a',
    's3://key:secret@bucket/a',
    'https://host/a b',
    'https://host/\ta',
    'file:a',
    'file://',
    'urn:',
    'urn:a',
    'urn::b',
    `https://host/${long(2000)}`,
    's3://b/\u0000',
    's3://b/a\u202eb',
    's3://b/\u200b',
    's3://bücket/key',
    's3://бакет/ключ',
    'urn:a:ü',
    's3://b/%zz',
    's3://b/%2',
    's3://b/100%',
    's3://b/?a=%g0',
    's3://b/#%',
    's3://b/a|b',
    's3://b/a[1]',
    's3://b/#a#b',
    's3:///key',
    'https:///host/a',
    'https:////host/a',
    'https:\\\\host\\a',
    'https://?a',
    'https://@host/a',
    's3://@bucket/key',
    'file://user@host/a',
    'https://host:99999/a',
    'https://[::1/a',
    null,
    5,
  ];
  const asset = { ...anyAsset, path: '/new' };
  const bodies: [method: 'POST' | 'PATCH', path: string, body: unknown, field: string][] = [
    ...badPaths.flatMap((path): typeof bodies => [
      ['POST', 'folders', { path }, '/path'],
      ['PATCH', `folders/${folderId}`, { path }, '/path'],
      ['POST', 'assets', { ...asset, path }, '/path'],
      ['PATCH', `assets/${assetId}`, { path }, '/path'],
      ...(path === '/' || path === '/ '
        ? []
        : ([['POST', 'episodes', { name: 'e', folder: path }, '/folder']] as typeof bodies)),
    ]),
    ...badNames.flatMap((name): typeof bodies => [
      ['POST', 'episodes', { name }, '/name'],
      ['PATCH', 'episodes/run', { name }, '/name'],
    ]),
    ...badUris.flatMap((uri): typeof bodies => [
      ['POST', 'assets', { ...asset, uri }, '/uri'],
      ['PATCH', `assets/${assetId}`, { uri }, '/uri'],
    ]),
    ...['', 'Video', '1a', '-a', 'a_b', 'ä', long(33), null, 3].map(
      (kind): (typeof bodies)[number] => ['POST', 'assets', { ...asset, kind }, '/kind'],
    ),
    ...[
      '',
      EMPTY_DIGEST.slice(7),
      'sha256:',
      'sha1:abc',
      `${EMPTY_DIGEST}0`,
      'sha256:' + 'g'.repeat(64),
      7,
    ].map((checksum): (typeof bodies)[number] => [
      'POST',
      'assets',
      { ...asset, checksum },
      '/checksum',
    ]),
    ...[-1, 1.5, '5', 2 ** 53, 1e300, true].map((sizeBytes): (typeof bodies)[number] => [
      'POST',
      'assets',
      { ...asset, sizeBytes },
      '/sizeBytes',
    ]),
    ...['', 'video', 'video/', '/mp4', 'a b/c', `text/${long(255)}`, 'text/ä', 5].map(
      (contentType): (typeof bodies)[number] => [
        'POST',
        'assets',
        { ...asset, contentType },
        '/contentType',
      ],
    ),
    ...['', 'done', 'Running', null, 1].map((status): (typeof bodies)[number] => [
      'POST',
      'episodes',
      { name: 'e', status },
      '/status',
    ]),
    ...['true', 1, null].map((writeProtected): (typeof bodies)[number] => [
      'POST',
      'episodes',
      { name: 'e', writeProtected },
      '/writeProtected',
    ]),
    ['POST', 'episodes/run/restore', { slug: 'a' }, '/slug'],
    ['POST', `assets/${assetId}/restore`, { path: '/a' }, '/path'],
    ['POST', 'episodes', {}, '/name'],
    ['POST', 'episodes', { name: 'e', slug: 'e' }, '/slug'],
    ['POST', 'episodes', { name: 'e', id: folderId }, '/id'],
    ['POST', 'episodes', { name: 'e', folder: null }, '/folder'],
    ['POST', 'episodes', { name: 'e', tags: ['a', ' a '] }, '/tags'],
    ['POST', 'episodes', { name: 'e', description: long(5001) }, '/description'],
    ['POST', 'episodes', { name: 'e', metadata: [] }, '/metadata'],
    ['POST', 'folders', {}, '/path'],
    ['POST', 'folders', { path: '/a', name: 'a' }, '/name'],
    ['POST', 'folders', { path: '/a', metadata: { big: long(17_000) } }, '/metadata'],
    ['POST', 'assets', { path: '/a', kind: 'file' }, '/uri'],
    ['POST', 'assets', { path: '/a', uri: 'urn:a:b' }, '/kind'],
    ['POST', 'assets', { ...asset, episode: '' }, '/episode'],
    ['POST', 'assets/batch', { assets: [asset, { ...asset, uri: 'a' }] }, '/assets/1/uri'],
    ['POST', 'assets/batch', { assets: {} }, '/assets'],
  ];
  for (const [method, path, body, field] of bodies) {
    const answer = await owner.send({ method, path: `${lab.path}/${path}`, body });
    assertProblem(t, answer, INVALID, `${method} ${path} ${JSON.stringify(body).slice(0, 80)}`, [
      field,
    ]);
  }
  const queries = [
    ['folders', 'parent=a', '/parent'],
    ['folders', 'parent=/a/', '/parent'],
    ['folders', 'recursive=1', '/recursive'],
    ['folders', 'recursive=', '/recursive'],
    ['folders', 'sort=path', '/sort'],
    ['folders', 'page=0', '/page'],
    ['folders', 'parent=/a&parent=/b', '/parent'],
    ['episodes', 'folder=a', '/folder'],
    ['episodes', 'status=done', '/status/0'],
    ['episodes', 'sort=slug', '/sort'],
    ['episodes', 'recursive=yes', '/recursive'],
    ['episodes', 'pageSize=-1', '/pageSize'],
    ['episodes', 'slug=a', '/slug'],
    ['assets', 'prefix=a', '/prefix'],
    ['assets', 'kind=A', '/kind/0'],
    ['assets', 'checksum=abc', '/checksum'],
    ['assets', 'episode=', '/episode'],
    ['assets', 'state=gone', '/state'],
    ['assets', 'metadata=[]', '/metadata'],
  ] as const;
  for (const [kind, query, field] of queries) {
    const answer = await owner.get(`${lab.path}/${kind}?${query}`);
    assertProblem(t, answer, INVALID, `${kind}?${query}`, [field]);
  }
  t.same(await lab.contents(), before);
});
