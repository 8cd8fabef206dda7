import type { PlacementWish } from "../request.ts";
import type { PlacedTask, PoolSnapshot, ReplicaSnapshot } from "./snapshot.ts";

export function replica(id: string, given: Partial<ReplicaSnapshot> = {}): ReplicaSnapshot {
  return { id, ready: true, draining: false, broken: false, slotsTotal: 4, slotsFree: 4, ...given };
}

export function pool(id: string, given: Partial<PoolSnapshot> = {}): PoolSnapshot {
  return {
    id,
    engine: "llamacpp",
    models: ["m"],
    policy: "least-loaded",
    draining: false,
    queueDepth: 0,
    replicas: [replica(`${id}-a`), replica(`${id}-b`)],
    ...given,
  };
}

export function placed(given: Partial<Omit<PlacedTask, "placement">> & { readonly placement?: Partial<PlacementWish> } = {}): PlacedTask {
  const { placement, ...rest } = given;
  return {
    taskId: "t",
    model: "m",
    vramBytes: 0,
    determinism: "best_effort",
    placement: { mode: "auto", preferPools: [], avoidPools: [], allowFallback: true, ...placement },
    ...rest,
  };
}
