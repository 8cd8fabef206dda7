import type { JsonObject } from "../../kernel/event.ts";
import { FakeClock } from "../../kernel/clock.ts";
import type { PoolFacts } from "../pools/pool.ts";
import type { HeartbeatPool, Registration } from "./node.ts";
import { Nodes } from "./nodes.ts";

export const STALE_MS = 30_000;

/** Nodes on a clock of the test's own, with what they told. */
export class NodesRig {
  readonly clock = new FakeClock();
  readonly replaced = new Map<string, readonly PoolFacts[]>();
  readonly told: { readonly type: string; readonly data: JsonObject }[] = [];
  readonly inFlight = new Map<string, number>();
  online = 0;
  readonly nodes: Nodes;

  constructor(staleMs = STALE_MS) {
    this.nodes = new Nodes({
      clock: this.clock,
      staleMs,
      pools: { replace: (source, key, pools) => void this.replaced.set(`${source}/${key}`, pools) },
      load: () => ({ queueDepth: 0, inFlight: this.inFlight }),
      meter: { nodesOnline: (count) => void (this.online = count) },
      tell: (type, data) => void this.told.push({ type, data }),
    });
  }

  statusOf(id: string): string | undefined {
    return this.nodes.list().find((node) => node.node_id === id)?.status;
  }

  get types(): string[] {
    return this.told.map(({ type }) => type);
  }
}

export function poolEntry(over: Partial<HeartbeatPool> = {}): HeartbeatPool {
  return {
    pool_id: "chat",
    ready: true,
    draining: false,
    slots_free: 2,
    slots_total: 2,
    vram_free_bytes: 0,
    engine: "mock",
    endpoint: "http://10.0.0.5:8000/v1",
    models_available: ["m"],
    ...over,
  };
}

export function registration(over: Partial<Registration> = {}): Registration {
  return {
    node_id: "gpu-1",
    machine_id: "abc",
    address: "http://10.0.0.5:9200",
    pools: [],
    capabilities: { gpus: [{ device_id: "0", name: "H200", vram_total_bytes: 1_000 }], cpu_cores: 8, ram_total_bytes: 4_000 },
    version: "0.1.0",
    ...over,
  };
}
