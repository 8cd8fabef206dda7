import type { HeartbeatPool } from "../inference/nodes/node.ts";
import { MAX_SLOTS, type PoolView, type ReplicaView } from "../inference/pools/pool.ts";

export interface Reporting {
  /** Where the control plane reaches this node: `http://10.0.0.5:9200`. */
  readonly base: string;
  /** What the relay asks for; absent: nothing. */
  readonly relayKey?: string;
  /** Addresses of this machine that others reach. */
  readonly isOwnAddress: (host: string) => boolean;
  /** Of the GPUs together, for pools that do not say. */
  readonly vramFreeBytes: number;
}

/** Path below which the relay speaks for the engines of a pool. */
function relayPath(pool: string): string {
  return `/v2/pools/${encodeURIComponent(pool)}/engine`;
}

/** What the daemon of this machine says of its own pools, as the control plane takes it. Pools that came from elsewhere are not this node's to offer. */
export function reportOf(pools: readonly PoolView[], reporting: Reporting): HeartbeatPool[] {
  return pools.filter(({ source }) => source === "stack" || source === "api").map((pool) => entryOf(pool, reporting));
}

/** Replicas that take work. */
export function openReplicas({ replicas }: PoolView): readonly ReplicaView[] {
  return replicas.filter(({ ready, draining }) => ready && !draining);
}

function entryOf(pool: PoolView, reporting: Reporting): HeartbeatPool {
  const open = openReplicas(pool);
  const free = sum(open, (replica) => replica.vram_free_bytes);
  const largest = Math.max(0, ...open.map((replica) => replica.vram_total_bytes ?? 0));
  return {
    pool_id: pool.id,
    ready: pool.ready && open.length > 0,
    draining: pool.draining,
    slots_free: Math.min(
      MAX_SLOTS,
      sum(open, (replica) => replica.slots_free),
    ),
    slots_total: Math.min(
      MAX_SLOTS,
      sum(open, (replica) => replica.slots_total),
    ),
    vram_free_bytes: free > 0 ? free : reporting.vramFreeBytes,
    ...(largest > 0 && { vram_total_bytes: largest }),
    engine: pool.engine,
    ...wayTo(pool, open, reporting),
    models_available: pool.models,
  };
}

/** One engine that others reach is named itself; for all others the relay speaks: those that listen on loopback or on a bridge, and several at once. */
function wayTo(pool: PoolView, open: readonly ReplicaView[], { base, relayKey, isOwnAddress }: Reporting): Partial<HeartbeatPool> {
  const [only] = open;
  const url = open.length === 1 && only ? URL.parse(only.url) : null;
  if (url && only && isOwnAddress(url.hostname.replace(/^\[|\]$/g, ""))) return { endpoint: only.url };
  return { endpoint: `${base}${relayPath(pool.id)}`, ...(relayKey !== undefined && { endpoint_key: relayKey }) };
}

function sum(replicas: readonly ReplicaView[], of: (replica: ReplicaView) => number | undefined): number {
  return replicas.reduce((total, replica) => total + (of(replica) ?? 0), 0);
}
