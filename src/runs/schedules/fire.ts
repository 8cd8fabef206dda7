import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { JsonObject, NewEvent } from "../../kernel/event.ts";
import type { RunMode } from "../record.ts";
import type { Firing, ScheduleOf, ScheduleRecord } from "./record.ts";
import { scheduleEvent } from "./store.ts";
import { rfc3339 } from "../../kernel/rfc3339.ts";

/** Runs made at once of one schedule. */
const BATCH = 32;
/** What could not be made for so long is given up. */
const PATIENCE_MS = 3_600_000;
/** May pass by itself: redis is away, the disk is full. */
const TEMPORARY: ReadonlySet<string> = new Set(["unavailable", "unreachable", "disk_full", "rate_limited", "timeout", "internal"]);

export interface FireRequest {
  /** The id the run has to have. */
  readonly id: string;
  readonly scheduleId: string;
  readonly owner: string;
  readonly of?: ScheduleOf;
  readonly mode: RunMode;
  /** The body of `POST /runs`. */
  readonly run: JsonObject;
  /** Epoch ms: when it was due. */
  readonly at: number;
}

/** `skipped`: no run was made, and why none was wanted. */
export type FireAnswer = { readonly skipped?: string };

export interface FirePorts {
  /** Makes the run; resolves when it is on disk. Rejects with `OrcoError`, and then there is none of this id. */
  readonly fire: (request: FireRequest) => Promise<FireAnswer | void>;
  readonly exists: (run: string) => boolean;
  readonly now: () => number;
}

export interface Fired {
  readonly record: ScheduleRecord;
  readonly events: readonly NewEvent[];
  /** Some could not be made yet. */
  readonly again: boolean;
}

type Outcome =
  | { readonly kind: "fired" }
  | { readonly kind: "skipped"; readonly reason: string }
  | { readonly kind: "again" }
  | { readonly kind: "failed"; readonly data: JsonObject };

/** Makes the runs of the oldest decided firings, whichever are not there; the record and events that say so are not yet on disk. Never rejects. */
export async function fireSome(record: ScheduleRecord, ports: FirePorts): Promise<Fired> {
  const batch = record.firing.slice(0, BATCH);
  const outcomes = await Promise.all(batch.map((firing) => fireOne(record, firing, ports)));
  const kept = batch.filter((_, n) => outcomes[n]?.kind === "again");
  const fired = batch.filter((_, n) => outcomes[n]?.kind === "fired");
  const last = fired.at(-1);
  const events = batch.flatMap(({ at, run }, n) => {
    const outcome = outcomes[n];
    if (outcome?.kind === "fired") return [scheduleEvent(record, "fired", { at: rfc3339(at), runId: run })];
    if (outcome?.kind === "skipped") return [scheduleEvent(record, "skipped", { at: rfc3339(at), reason: outcome.reason })];
    return outcome?.kind === "failed" ? [scheduleEvent(record, "failed", { at: rfc3339(at), ...outcome.data })] : [];
  });
  return {
    record: {
      ...record,
      firing: [...kept, ...record.firing.slice(batch.length)],
      ...(last && { lastFiredAt: last.at, lastRunId: last.run }),
    },
    events,
    again: kept.length > 0,
  };
}

async function fireOne(
  { id: scheduleId, owner, mode, run, of }: ScheduleRecord,
  { at, run: id, since }: Firing,
  { fire, exists, now }: FirePorts,
): Promise<Outcome> {
  try {
    if (exists(id)) return { kind: "fired" };
    const answer = await fire({ id, scheduleId, owner, mode, run, at, ...(of && { of }) });
    return answer?.skipped === undefined ? { kind: "fired" } : { kind: "skipped", reason: answer.skipped };
  } catch (error) {
    const code = error instanceof OrcoError ? error.code : "internal";
    if (TEMPORARY.has(code) && Math.abs(now() - since) < PATIENCE_MS) return { kind: "again" };
    return { kind: "failed", data: { code, message: messageOf(error) } };
  }
}
