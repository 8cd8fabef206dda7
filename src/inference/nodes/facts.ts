import type { PoolFacts, PoolSource, ReplicaFacts } from "../pools/pool.ts";
import type { HeartbeatPool } from "./node.ts";
import { endpointUrl } from "./reach.ts";

/** Who reports pools. */
export interface Reporter {
  readonly source: Extract<PoolSource, "node" | "manager">;
  /** Id of the replica that it is. */
  readonly id: string;
  /** Of all its GPUs; 0: it has none, or does not say. */
  readonly vramTotalBytes: number;
  /** Slots of the pool that our own work takes here. */
  readonly inFlight: (pool: string) => number;
  /** Why nothing of it is ready. */
  readonly lost?: string;
}

/** What a report means for the registry: one replica in each pool whose endpoint it names; the others are only shown. */
export function factsOf(entries: readonly HeartbeatPool[], reporter: Reporter): PoolFacts[] {
  return entries.flatMap((entry) => {
    const replica = replicaOf(entry, reporter);
    if (replica === undefined) return [];
    const { pool_id: id, engine, models_available: models, draining } = entry;
    return [{ id, source: reporter.source, engine, models, draining: false, replicas: [{ ...replica, draining }] }];
  });
}

function replicaOf(entry: HeartbeatPool, { id, vramTotalBytes, inFlight, lost }: Reporter): ReplicaFacts | undefined {
  if (entry.endpoint === undefined) return undefined;
  const total = entry.vram_total_bytes ?? vramTotalBytes;
  const taken = Math.max(0, entry.slots_total - entry.slots_free);
  const lastError = lost ?? (entry.ready ? undefined : "it reports that it is not ready");
  return {
    id,
    endpoint: { url: endpointUrl(entry.endpoint), ...(entry.endpoint_key !== undefined && { apiKey: entry.endpoint_key }) },
    ready: entry.ready && lost === undefined,
    draining: entry.draining,
    slotsTotal: entry.slots_total,
    slotsForeign: Math.max(0, taken - inFlight(entry.pool_id)),
    ...(total > 0 && { vramTotalBytes: total }),
    ...(entry.vram_free_bytes > 0 && { vramFreeBytes: entry.vram_free_bytes }),
    ...(lastError !== undefined && { lastError }),
  };
}
