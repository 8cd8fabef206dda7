import { listenerKey, type Front } from "./route.ts";
import type { Fronts } from "./table-fronts.ts";

/** One call of `Traffic` that waits for its version. */
export interface Change {
  readonly put: readonly Front[];
  /** Ids that go, given those that are there. */
  readonly remove: (ids: Iterable<string>) => readonly string[];
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export type Undo = () => void;

/** Makes the change, all of it or – when it throws `conflict` – nothing. Two of its fronts may exchange their hosts. */
export function applyChange(fronts: Fronts, change: Change): Undo {
  const gone = [...change.put.map(({ id }) => id), ...change.remove(fronts.ids())];
  const before = gone.flatMap((id) => fronts.get(id) ?? []);
  const undo = (): void => {
    for (const { id } of change.put) fronts.remove(id);
    for (const front of before) fronts.put(front);
  };
  for (const id of gone) fronts.remove(id);
  try {
    for (const front of change.put) fronts.put(front);
  } catch (error) {
    undo();
    throw error;
  }
  return undo;
}

/** Whether it leaves everything as it is: after a restart of the daemon most changes do. */
export function changesNothing(fronts: Fronts, change: Change): boolean {
  if (change.remove(fronts.ids()).length > 0) return false;
  return change.put.every((front) => Bun.deepEquals(fronts.get(front.id), front));
}

export function touches(change: Change, listener: string): boolean {
  return change.put.some(({ listen }) => listenerKey(listen) === listener);
}
