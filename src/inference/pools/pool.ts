import type { JsonObject } from "../../kernel/event.ts";
import type { Endpoint } from "../adapters/adapter.ts";
import type { EngineKind } from "../request.ts";

export const POLICIES = ["least-loaded", "round-robin", "prefix"] as const;
export type Policy = (typeof POLICIES)[number];

/** Where a pool comes from; of one id the first of these that has it counts, and the others are told so. */
export type PoolSource = "api" | "stack" | "node" | "manager";

/** Facts of one replica; replaced as a whole when one of them changes. Bytes, tokens. */
export interface ReplicaFacts {
  readonly id: string;
  readonly endpoint: Endpoint;
  /** Answers, and serves what the pool serves. */
  readonly ready: boolean;
  readonly draining: boolean;
  readonly slotsTotal: number;
  /** Slots taken by work that is not ours, as far as the engine told. */
  readonly slotsForeign: number;
  /** Of the pool's models it serves only these: while an update brings another, or where nodes differ. Absent: all of them. */
  readonly models?: readonly string[];
  readonly ctxMax?: number;
  readonly vramTotalBytes?: number;
  readonly vramFreeBytes?: number;
  /** Why it is not ready, or what went wrong last. */
  readonly lastError?: string;
}

/** That one replica may have, or be said to have. */
export const MAX_SLOTS = 10_000;

/** Facts of one pool; replaced as a whole when one of them changes. */
export interface PoolFacts {
  readonly id: string;
  readonly source: PoolSource;
  readonly engine: EngineKind;
  /** Ids it serves: given, or as the engines say. */
  readonly models: readonly string[];
  readonly policy?: Policy;
  /** Takes no new tasks. */
  readonly draining: boolean;
  readonly replicas: readonly ReplicaFacts[];
  readonly lastError?: string;
}

/** The pools as their sources tell them; what runs in them is the dispatcher's to know. */
export interface PoolBook {
  list(): readonly PoolFacts[];
  get(id: string): PoolFacts | undefined;
}

/** What the registry asks of whoever runs the tasks, and tells it. Every call is synchronous and cheap. */
export interface PoolWork {
  /** Facts of the pool have changed, or it has gone: what waits may start, or has to end. */
  changed(id: string): void;
  /** What still waits or runs in it ends as POOL_UNREADY. */
  expire(id: string, reason: string): void;
  /** Queued tasks end as POOL_UNAVAILABLE, affinity is forgotten; running ones go on. Returns how many ended. */
  purge(id: string): number;
  load(id: string): PoolLoad;
}

/** What runs and waits in a pool at this moment. */
export interface PoolLoad {
  readonly queueDepth: number;
  /** Ours, by replica id. */
  readonly inFlight: ReadonlyMap<string, number>;
  /** By replica id; those that are closed may be left out. */
  readonly breakers?: ReadonlyMap<string, BreakerState>;
}

export type BreakerState = "closed" | "open" | "half_open";

/** As `GET /v2/pools` shows it. */
export interface PoolView {
  readonly id: string;
  readonly engine: EngineKind;
  readonly models: readonly string[];
  readonly source: PoolSource;
  readonly policy?: Policy;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly queue_depth: number;
  readonly slots_total: number;
  readonly slots_free: number;
  readonly replicas: readonly ReplicaView[];
  readonly last_error?: string;
}

export interface ReplicaView {
  readonly id: string;
  readonly url: string;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly slots_total: number;
  readonly slots_free: number;
  readonly vram_total_bytes?: number;
  readonly vram_free_bytes?: number;
  readonly models?: readonly string[];
  readonly breaker?: BreakerState;
  readonly last_error?: string;
}

/** As `GET /v2/pools/{id}/health` shows it. */
export interface PoolHealth {
  /** Some replica's process answers. */
  readonly live: boolean;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly metrics: JsonObject;
  readonly last_error: string | null;
}
