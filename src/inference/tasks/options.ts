import type { Clock } from "../../kernel/clock.ts";
import type { Journal } from "../../kernel/journal.ts";
import type { Adapter } from "../adapters/adapter.ts";
import type { ModelGuard } from "../catalog/model.ts";
import type { Meter } from "../meter.ts";
import type { PoolBook } from "../pools/pool.ts";
import type { EngineKind, TaskRequest } from "../request.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { LaneOptions } from "./lane.ts";
import type { LiveTask } from "./live-task.ts";

export interface DeskOptions {
  readonly clock: Clock;
  readonly journal: Pick<Journal, "append" | "query">;
  readonly pools: PoolBook;
  readonly catalog: ModelGuard;
  readonly sessions: Pick<Sessions, "admit" | "ended" | "replicaGone">;
  readonly adapterOf: (engine: EngineKind) => Adapter;
  readonly meter: Meter;
  readonly spans: { readonly traceparentOf: (request: TaskRequest) => string | undefined };
  readonly lane: LaneOptions;
  readonly timeouts: { readonly firstTokenMs: number; readonly idleTokenMs: number };
  /** For the log and the spans; they never throw. */
  readonly onDispatch: (task: LiveTask) => void;
  readonly onEnd: (task: LiveTask) => void;
  readonly onRefusal: (request: TaskRequest, error: unknown) => void;
  readonly onError: (error: unknown) => void;
}
