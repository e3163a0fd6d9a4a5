import type { Test } from 'tap';
import { type ProblemCode, problems } from '../../src/errors.js';
import type { Answer } from './app.js';
import type { RawAnswer } from './raw.js';

/** Asserts that a response is the problem with this code, with its status and its media type. */
export function isProblem(t: Test, answer: Answer, code: ProblemCode, message: string = code) {
  const { status, title } = problems[code];
  t.match(
    { status: answer.status, type: answer.headers['content-type'], body: answer.json },
    {
      status,
      type: /^application\/problem\+json\b/,
      body: { type: `urn:problem:${code}`, title, status, detail: String, instance: String, code },
    },
    message,
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
