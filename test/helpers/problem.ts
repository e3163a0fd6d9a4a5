import type { Test } from 'tap';
import { type ProblemCode, problems } from '../../src/errors.js';
import type { Answer } from './app.js';
import type { RawAnswer } from './raw.js';

/** Asserts that an answer is the problem with this code, with its status and its media type. */
export function isProblem(t: Test, answer: Answer, code: ProblemCode, message: string = code) {
  const { status, title } = problems[code];
  t.equal(answer.status, status, `${message}: status`);
  t.match(
    answer.headers['content-type'],
    /^application\/problem\+json\b/,
    `${message}: media type`,
  );
  t.match(
    answer.json,
    { type: `urn:problem:${code}`, title, status, detail: String, instance: String, code },
    `${message}: body`,
  );
}

/** Asserts the same of a response that was read from a connection; it has the request id, too. */
export function isRawProblem(
  t: Test,
  answer: RawAnswer | undefined,
  code: ProblemCode,
  message: string = code,
) {
  const { status = 0, headers = {}, body: text = '' } = answer ?? {};
  const json: unknown = text === '' ? undefined : JSON.parse(text);
  isProblem(t, { status, headers, text, json }, code, message);
  t.ok(headers['x-request-id'], `${message}: request id`);
}
