import type { JsonObject } from "../../kernel/event.ts";
import type { RunMode } from "../record.ts";
import type { CatchUp } from "./view.ts";

/** As it is stored in `schedules.row`. Times are epoch ms. */
export interface ScheduleRecord {
  readonly id: string;
  readonly name?: string;
  readonly cron: string;
  readonly timezone: string;
  readonly catchUp: CatchUp;
  readonly mode: RunMode;
  readonly run: JsonObject;
  readonly enabled: boolean;
  readonly owner: string;
  /** The service of a stack whose file declares it: it comes and goes with that, and its runs are starts of the service. */
  readonly of?: ScheduleOf;
  readonly createdAt: number;
  /** Absent: it never fires again. */
  readonly nextAt?: number;
  /** When it was due. */
  readonly lastFiredAt?: number;
  readonly lastRunId?: string;
  /** Times left out so far. */
  readonly missed: number;
  /** Decided, and perhaps not yet made: whoever finds one makes its run unless it is there. Oldest first. */
  readonly firing: readonly Firing[];
}

export interface ScheduleOf {
  readonly stack: string;
  readonly service: string;
}

export interface Firing {
  /** When it was due. */
  readonly at: number;
  /** The id of its run, given before it is made. */
  readonly run: string;
  /** When it was decided. */
  readonly since: number;
}
