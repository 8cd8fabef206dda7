import { rfc3339 } from "../../kernel/rfc3339.ts";
import type { JsonObject } from "../../kernel/event.ts";
import type { RunMode } from "../record.ts";
import type { ScheduleRecord } from "./record.ts";

/** What becomes of times at which no daemon ran: nothing, one run for all of them, or each its own (1,000 at most). */
export type CatchUp = "skip" | "one" | "all";

/** `GET /schedules/{id}`. Times are RFC 3339. */
export interface ScheduleView {
  readonly id: string;
  readonly name?: string;
  readonly cron: string;
  /** IANA. */
  readonly timezone: string;
  readonly catch_up: CatchUp;
  readonly mode: RunMode;
  /** The body of `POST /runs`. */
  readonly run: JsonObject;
  readonly enabled: boolean;
  readonly createdAt: string;
  readonly next_at?: string;
  /** The time it was due. */
  readonly last_fired_at?: string;
  readonly last_run_id?: string;
  /** Times that were left out so far. */
  readonly missed: number;
  /** Whose file declares it; it cannot be removed here. */
  readonly stack?: string;
  readonly service?: string;
}

export function scheduleView(record: ScheduleRecord): ScheduleView {
  const { id, name, cron, timezone, catchUp, mode, run, enabled, createdAt, nextAt, lastFiredAt, lastRunId, missed, of } = record;
  return {
    id,
    ...(name !== undefined && { name }),
    cron,
    timezone,
    catch_up: catchUp,
    mode,
    run,
    enabled,
    createdAt: rfc3339(createdAt),
    ...(enabled && nextAt !== undefined && { next_at: rfc3339(nextAt) }),
    ...(lastFiredAt !== undefined && { last_fired_at: rfc3339(lastFiredAt) }),
    ...(lastRunId !== undefined && { last_run_id: lastRunId }),
    missed,
    ...of,
  };
}
