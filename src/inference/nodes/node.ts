import type { EngineKind } from "../request.ts";

export interface Gpu {
  readonly device_id: string;
  readonly name: string;
  readonly vram_total_bytes: number;
}

/** `POST /v2/nodes/register`. */
export interface Registration {
  readonly node_id: string;
  readonly machine_id: string;
  readonly address: string;
  readonly pools: readonly HeartbeatPool[];
  readonly capabilities: { readonly gpus: readonly Gpu[]; readonly cpu_cores: number; readonly ram_total_bytes: number };
  readonly version: string;
}

/** A pool as a node and a pool manager report it. */
export interface HeartbeatPool {
  readonly pool_id: string;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly slots_free: number;
  readonly slots_total: number;
  readonly vram_free_bytes: number;
  readonly vram_total_bytes?: number | undefined;
  readonly engine: EngineKind;
  /** The engine's URL as reachable from the control plane. */
  readonly endpoint?: string | undefined;
  /** What the endpoint takes as a bearer token; made by the node for its relay. Never shown. */
  readonly endpoint_key?: string | undefined;
  readonly models_available: readonly string[];
}

export interface Heartbeat {
  /** RFC 3339 or epoch ms; only shown. */
  readonly timestamp: string | number;
  readonly pools: readonly HeartbeatPool[];
}

export interface HeartbeatReply {
  readonly success: true;
  readonly next_heartbeat_ms: number;
  /** Silence after which the node is Offline; only where that is less than three heartbeats, so that it beats more often. */
  readonly stale_ms?: number;
}

export interface NodeView extends Omit<Registration, "pools"> {
  readonly status: "Online" | "Offline";
  readonly pools: readonly HeartbeatPool[];
  /** RFC 3339. */
  readonly registered_at: string;
  readonly last_heartbeat_at: string;
}

/** One of ORCHD_POOL_MANAGERS. */
export interface ManagerView {
  readonly url: string;
  readonly status: "Online" | "Offline";
  /** How many it named last. */
  readonly pools: number;
  readonly last_error: string | null;
}
