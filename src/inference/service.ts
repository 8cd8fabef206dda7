import type { Json, JsonObject } from "../kernel/event.ts";
import type { Availability, ModelGuard, ModelPage, ModelView } from "./catalog/model.ts";
import type { Heartbeat, HeartbeatReply, ManagerView, NodeView, Registration } from "./nodes/node.ts";
import type { Explanation } from "./placement/decide.ts";
import type { PoolHealth, PoolView } from "./pools/pool.ts";
import type { Channel } from "./relay/channel.ts";
import type { TaskRequest } from "./request.ts";
import type { SessionLimits, SessionView } from "./sessions/session.ts";
import type { Accepted, TaskView } from "./tasks/task.ts";

/** The inference control plane as the HTTP layer sees it. Every method throws `OrcoError` with the codes of inference.md. */
export interface InferenceService {
  readonly tasks: TaskService;
  readonly sessions: SessionService;
  readonly pools: PoolService;
  readonly catalog: CatalogService;
  readonly nodes: NodeService;
  /** Those of the configuration, and whether they answer. */
  managers(): readonly ManagerView[];
  capabilities(): JsonObject;
}

export interface TaskService {
  /** Admits the task; resolves once that is on disk. */
  accept(request: TaskRequest): Promise<Accepted>;
  /** Admits a task of `/v1`, whose connection is its life: nothing waits for the disk. Subscribe to the channel in the same turn. */
  open(request: TaskRequest): Channel;
  get(id: string): TaskView;
  /** Newest first; those that run and wait come before those that have ended. */
  list(page: { limit: number; before?: string }): TaskView[];
  /** Resolves when every consumer has been told. NOT_FOUND. */
  cancel(id: string, reason?: string): Promise<void>;
  /** The relay of a task; NOT_FOUND, also once it ended more than 60 s ago; CONFLICT for one of `/v1`. */
  channel(id: string): Channel;
  /** Decides without doing anything. */
  explain(request: TaskRequest): Explanation;
}

export interface SessionService {
  get(id: string): SessionView;
  put(id: string, limits: SessionLimits): SessionView;
  remove(id: string): void;
}

export interface NewPool {
  readonly id: string;
  readonly engine: string;
  readonly models?: readonly string[];
  readonly policy?: string;
  readonly replicas: readonly {
    readonly id: string;
    readonly url: string;
    readonly slots?: number;
    readonly vram_total_bytes?: number;
    readonly api_key_env?: string;
  }[];
}

export interface PoolService {
  list(): PoolView[];
  get(id: string): PoolView;
  /** CONFLICT when there is one of that id. */
  create(pool: NewPool): Promise<PoolView>;
  put(pool: NewPool): Promise<{ readonly pool: PoolView; readonly created: boolean }>;
  /** CONFLICT for one that is not of the API. */
  remove(id: string): Promise<void>;
  health(id: string): PoolHealth;
  drain(id: string, deadlineMs: number): Promise<void>;
  /** It takes tasks again; of one that does not drain nothing happens. */
  resume(id: string): Promise<void>;
  /** Begins it; `health.last_error` says how it went. */
  reload(id: string, modelRef: string): Promise<void>;
  purge(id: string): Promise<void>;
}

export interface CatalogService extends ModelGuard {
  register(model: JsonObject): Promise<ModelView>;
  /** In the order of their ids, those behind `after`, `limit` at most; without either all of them. */
  list(page?: { readonly after?: string; readonly limit?: number }): Promise<ModelPage>;
  get(id: string): ModelView;
  remove(id: string): Promise<void>;
  /** Begins it; `get` shows how far it is. */
  verify(id: string): Promise<ModelView>;
  fetch(id: string): Promise<ModelView>;
  setState(id: string, state: "Active" | "Retired"): Promise<ModelView>;
  availability(): Availability;
}

export interface NodeService {
  register(node: Registration): HeartbeatReply;
  heartbeat(id: string, beat: Heartbeat): HeartbeatReply;
  remove(id: string): void;
  list(): NodeView[];
}

/** Of `/v1/models`. */
export type ModelCard = { readonly id: string; readonly object: "model"; readonly created: number; readonly owned_by: string } & Readonly<
  Record<string, Json>
>;
