import { explain } from '../explain.js';

/** A command cannot do what it is asked; the message tells the user the cause. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** Runs a command. If it fails, prints the cause, without a stack where it is known, and exits with 1. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    console.error(error instanceof CommandError ? error.message : explain(error));
    process.exitCode = 1;
  }
}
