import type { Test } from 'tap';
import { type ProblemCode, problems } from '../../src/errors.js';
import type { Answer } from './app.js';

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
