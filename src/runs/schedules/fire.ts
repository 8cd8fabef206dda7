import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { JsonObject, NewEvent } from "../../kernel/event.ts";
import type { RunMode } from "../record.ts";
import type { Firing, ScheduleRecord } from "./record.ts";
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
  readonly mode: RunMode;
  /** The body of `POST /runs`. */
  readonly run: JsonObject;
  /** Epoch ms: when it was due. */
  readonly at: number;
}

export interface FirePorts {
  /** Makes the run; resolves when it is on disk. Rejects with `OrcoError`, and then there is none of this id. */
  readonly fire: (request: FireRequest) => Promise<unknown>;
  readonly exists: (run: string) => boolean;
  readonly now: () => number;
}

export interface Fired {
  readonly record: ScheduleRecord;
  readonly events: readonly NewEvent[];
  /** Some could not be made yet. */
  readonly again: boolean;
}

type Outcome = { readonly kind: "fired" } | { readonly kind: "again" } | { readonly kind: "failed"; readonly data: JsonObject };

/** Makes the runs of the oldest decided firings, whichever are not there; the record and events that say so are not yet on disk. Never rejects. */
export async function fireSome(record: ScheduleRecord, ports: FirePorts): Promise<Fired> {
  const batch = record.firing.slice(0, BATCH);
  const outcomes = await Promise.all(batch.map((firing) => fireOne(record, firing, ports)));
  const kept = batch.filter((_, n) => outcomes[n]?.kind === "again");
  const fired = batch.filter((_, n) => outcomes[n]?.kind === "fired");
  const last = fired.at(-1);
  const events = batch.flatMap(({ at, run }, n) => {
    const outcome = outcomes[n];
    if (outcome?.kind === "fired") return [scheduleEvent(record.id, "fired", { at: rfc3339(at), runId: run })];
    return outcome?.kind === "failed" ? [scheduleEvent(record.id, "failed", { at: rfc3339(at), ...outcome.data })] : [];
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
  { id: scheduleId, owner, mode, run }: ScheduleRecord,
  { at, run: id, since }: Firing,
  { fire, exists, now }: FirePorts,
): Promise<Outcome> {
  try {
    if (!exists(id)) await fire({ id, scheduleId, owner, mode, run, at });
    return { kind: "fired" };
  } catch (error) {
    const code = error instanceof OrcoError ? error.code : "internal";
    if (TEMPORARY.has(code) && Math.abs(now() - since) < PATIENCE_MS) return { kind: "again" };
    return { kind: "failed", data: { code, message: messageOf(error) } };
  }
}
