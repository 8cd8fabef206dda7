import type { Policy } from "../pools/pool.ts";
import type { Determinism, EngineKind, PlacementWish } from "../request.ts";

/** A replica at this moment. The dispatcher's live object fits: nothing is copied for a decision. */
export interface ReplicaSnapshot {
  readonly id: string;
  readonly ready: boolean;
  readonly draining: boolean;
  /** The circuit is open, or half-open with its probe under way. */
  readonly broken: boolean;
  readonly slotsTotal: number;
  readonly slotsFree: number;
  readonly ctxMax?: number | undefined;
  readonly vramTotalBytes?: number | undefined;
  /** Of the pool's models it serves only these; all of them when absent. */
  readonly models?: readonly string[] | undefined;
}

export interface PoolSnapshot {
  readonly id: string;
  readonly engine: EngineKind;
  readonly models: readonly string[];
  readonly policy: Policy;
  readonly draining: boolean;
  /** Tasks that wait. */
  readonly queueDepth: number;
  readonly replicas: readonly ReplicaSnapshot[];
}

/** What placement asks of a task. */
export interface PlacedTask {
  readonly taskId: string;
  readonly model: string;
  readonly engine?: EngineKind;
  readonly ctx?: number;
  /** The least that the model takes; 0: not known. */
  readonly vramBytes: number;
  readonly determinism: Determinism;
  readonly placement: PlacementWish;
  /** Session, or the beginning of the prompt; undefined: nothing to come back to. */
  readonly affinity?: string;
}
