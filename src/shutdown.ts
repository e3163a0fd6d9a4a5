const cleanups: (() => Promise<unknown>)[] = [];

/** Registers a cleanup. @param undo runs at shutdown, after those that are registered later */
export function onShutdown(undo: () => Promise<unknown>): void {
  cleanups.push(undo);
}

/** Runs the cleanups, the last one first. */
export async function stop(): Promise<void> {
  for (let undo = cleanups.pop(); undo; undo = cleanups.pop()) await undo();
}
