import type { TaskView } from "./task.ts";

/** Where a page of the list of tasks ends. Those under way come first, newest acceptance first; then those that ended, newest end first; of one moment by id. */
export interface Place {
  readonly underWay: boolean;
  /** Epoch ms of the acceptance, or of the end. */
  readonly at: number;
  readonly id: string;
}

/** As it stands in a cursor. */
export function placeText({ ended_at: endedAt, accepted_at: acceptedAt, task_id: id }: TaskView): string {
  return `${endedAt === undefined ? "under_way" : "ended"} ${Date.parse(endedAt ?? acceptedAt)} ${id}`;
}

/** Of a text of ours; behind any other nothing comes. */
export function placeIn(text: string): Place {
  const [kind, at, ...id] = text.split(" ");
  return { underWay: kind === "under_way", at: Number(at), id: id.join(" ") };
}

/** Newest first. */
export function byNewest(a: Omit<Place, "underWay">, b: Omit<Place, "underWay">): number {
  if (a.at !== b.at) return b.at - a.at;
  return a.id === b.id ? 0 : a.id < b.id ? 1 : -1;
}
