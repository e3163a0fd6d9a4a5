/** Reads the Dockerfile, and describes a process that a file of `deploy/` starts. */
import { readFile } from 'node:fs/promises';
import { Type } from '@sinclair/typebox';
import { as } from './files.js';

/** A process that a file of `deploy/` starts. */
export interface Program {
  title: string;
  /** without `dist/` and `.js` */
  program: string;
  env: Record<string, string>;
  /** the contents of its mounted files, by path */
  files: Record<string, string>;
}

/** @returns the settings of the image */
export async function dockerfile() {
  const text = await readFile('Dockerfile', 'utf8');
  const last = (instruction: string) =>
    Array.from(text.matchAll(new RegExp(`^${instruction} (.+)$`, 'gm')), ([, value]) =>
      String(value),
    ).at(-1) ?? '';
  return {
    env: assignments(last('ENV')),
    command: as(Type.Array(Type.String()), JSON.parse(last('CMD')), 'CMD'),
    user: last('USER'),
    exposed: Number(last('EXPOSE')),
  };
}

/** @param text `NAME=value`, separated by blanks */
export function assignments(text: string): Record<string, string> {
  return Object.fromEntries(
    Array.from(text.matchAll(/(\w+)=(\S*)/g), ([, name, value]): [string, string] => [
      String(name),
      String(value),
    ]),
  );
}

export function programOf(command: string): string {
  const [, program] = /^node dist\/(\S+)\.js$/.exec(command) ?? [];
  if (program === undefined) throw new Error(`No program of the build: ${command}`);
  return program;
}
