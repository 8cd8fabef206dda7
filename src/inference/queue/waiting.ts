import type { Priority } from "../request.ts";
import { Tally } from "./tally.ts";

/** A task as its queue sees it. */
export interface Waiting {
  readonly id: string;
  /** Fair share is between these. */
  readonly key: string;
  readonly priority: Priority;
  /** ≥ 1, in quanta: what the task takes of its key's share. */
  readonly cost: number;
  /** Monotonic ms of its acceptance. */
  readonly at: number;
  /** How long its answer is expected to be, where the client said; only the prediction reads it. */
  readonly tokens?: number;
}

/** One waiting task; a link of two lists: of its class in order of arrival, and of its key's flow. */
export interface Entry {
  readonly task: Waiting;
  readonly cost: number;
  readonly flow: Flow;
  older: Entry | undefined;
  newer: Entry | undefined;
  before: Entry | undefined;
  after: Entry | undefined;
}

/** What waits of one key in one class, first come first served. Forgotten once it is empty. */
export interface Flow {
  readonly key: string;
  /** Place in the ring of keys: later ones come after. */
  readonly turn: number;
  /** Round up to which the key has had its share: its head starts in round `start + cost`. */
  start: number;
  head: Entry | undefined;
  tail: Entry | undefined;
  readonly tally: Tally;
  /** Sum over its tasks. */
  cost: number;
  /** In the heap. */
  index: number;
}

/** A claim above this counts as this: 262,144 tokens. */
const MAX_COST = 1024;

export function newFlow(key: string, place: { turn: number; start: number }): Flow {
  return { key, ...place, head: undefined, tail: undefined, tally: new Tally(), cost: 0, index: -1 };
}

export function newEntry(task: Waiting, flow: Flow): Entry {
  const cost = task.cost > 1 ? Math.min(Math.ceil(task.cost), MAX_COST) : 1;
  return { task, cost, flow, older: undefined, newer: undefined, before: undefined, after: undefined };
}

export function append(flow: Flow, entry: Entry): void {
  entry.before = flow.tail;
  if (flow.tail) flow.tail.after = entry;
  else flow.head = entry;
  flow.tail = entry;
  flow.tally.add(entry.task);
  flow.cost += entry.cost;
}

export function detach(flow: Flow, entry: Entry): void {
  if (entry.before) entry.before.after = entry.after;
  else flow.head = entry.after;
  if (entry.after) entry.after.before = entry.before;
  else flow.tail = entry.before;
  flow.tally.subtract(entry.task);
  flow.cost -= entry.cost;
}
