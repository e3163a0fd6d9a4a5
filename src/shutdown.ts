const cleanups: (() => Promise<unknown>)[] = [];

/** @param undo runs when the process ends, after all that are registered later */
export function onShutdown(undo: () => Promise<unknown>): void {
  cleanups.push(undo);
}

/** Undoes what was registered, the last first. */
export async function stop(): Promise<void> {
  for (let undo = cleanups.pop(); undo; undo = cleanups.pop()) await undo();
}
