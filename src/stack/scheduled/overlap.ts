import type { ScheduleSpec } from "../spec.ts";

export interface Present {
  /** A run of it, by schedule or by hand, has not ended. */
  readonly running: boolean;
  /** Another one waits for that. */
  readonly waiting: boolean;
}

/** What becomes of a time that has come. Of runs that wait there is one at most: who asks more often than it can run loses runs, not disk space. */
export function overlapOf(policy: ScheduleSpec["overlap"], { running, waiting }: Present): "start" | "replace" | { readonly skip: string } {
  if (!running && !waiting) return "start";
  switch (policy) {
    case "skip":
      return { skip: "the run before it has not ended (overlap: skip)" };
    case "queue":
      return waiting ? { skip: "a run waits already for the one before it to end (overlap: queue keeps one)" } : "start";
    case "replace":
      return "replace";
  }
}
