import type { PoolFacts, PoolHealth, PoolLoad, PoolView, ReplicaFacts, ReplicaView } from "./pool.ts";

/** What pools look like on the wire (inference.md, "Pools"). */

export function poolView(facts: PoolFacts, load: PoolLoad): PoolView {
  const replicas = facts.replicas.map((replica) => replicaView(replica, load));
  const usable = replicas.filter(isUsable);
  return {
    id: facts.id,
    engine: facts.engine,
    models: facts.models,
    source: facts.source,
    ...(facts.policy !== undefined && { policy: facts.policy }),
    ready: usable.length > 0,
    draining: facts.draining,
    queue_depth: load.queueDepth,
    slots_total: sum(replicas.map(({ slots_total: slots }) => slots)),
    slots_free: sum(usable.map(({ slots_free: slots }) => slots)),
    replicas,
    ...(facts.lastError !== undefined && { last_error: facts.lastError }),
  };
}

export function poolHealth(facts: PoolFacts, load: PoolLoad, live: boolean): PoolHealth {
  const view = poolView(facts, load);
  return {
    live,
    ready: view.ready,
    draining: view.draining,
    metrics: {
      queue_depth: view.queue_depth,
      in_flight: sum([...load.inFlight.values()]),
      slots_total: view.slots_total,
      slots_free: view.slots_free,
      replicas: view.replicas.length,
      replicas_ready: view.replicas.filter(isUsable).length,
    },
    last_error: facts.lastError ?? firstError(facts.replicas) ?? null,
  };
}

function replicaView(replica: ReplicaFacts, load: PoolLoad): ReplicaView {
  const { id, endpoint, ready, draining, slotsTotal, slotsForeign, models, vramTotalBytes, vramFreeBytes, lastError } = replica;
  const breaker = load.breakers?.get(id);
  return {
    id,
    url: endpoint.url,
    ready,
    draining,
    slots_total: slotsTotal,
    slots_free: Math.max(0, slotsTotal - slotsForeign - (load.inFlight.get(id) ?? 0)),
    ...(models && { models }),
    ...(vramTotalBytes !== undefined && { vram_total_bytes: vramTotalBytes }),
    ...(vramFreeBytes !== undefined && { vram_free_bytes: vramFreeBytes }),
    ...(breaker && { breaker }),
    ...(lastError !== undefined && { last_error: lastError }),
  };
}

function isUsable({ ready, draining }: ReplicaView): boolean {
  return ready && !draining;
}

/** Of those that are not ready before others. */
function firstError(replicas: readonly ReplicaFacts[]): string | undefined {
  const failing = replicas.filter(({ lastError }) => lastError !== undefined);
  const first = failing.find(({ ready }) => !ready) ?? failing[0];
  return first && `${first.id}: ${first.lastError}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
