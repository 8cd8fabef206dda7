import type { ServiceSpec } from "../src/stack/spec.ts";
import type { Slot } from "../src/supervise/instance.ts";

/** A service with every default filled in, for tests of decisions. */
export function serviceSpec(name: string, over: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    name,
    runtime: "process",
    command: ["true"],
    workdir: "/",
    env: {},
    secrets: {},
    ports: [],
    volumes: [],
    dependsOn: [],
    replicas: 1,
    restartPolicy: { condition: "always", maxRetries: 5, resetAfterMs: 60_000, backoff: { minMs: 1000, maxMs: 30_000, factor: 2 } },
    update: {
      strategy: "rolling",
      maxUnavailable: 0,
      maxSurge: 1,
      abortAfterFailures: 1,
      observationWindowMs: 0,
      drainTimeoutMs: 10_000,
      autoRollback: true,
    },
    stop: { signal: "SIGTERM", timeoutMs: 10_000 },
    hooks: {},
    logging: { maxFileSizeBytes: 16 * 2 ** 20, maxFiles: 4, format: "auto" },
    labels: {},
    profiles: [],
    disabled: false,
    ...over,
  };
}

export function slotOf(service: string, over: Partial<Slot> = {}): Slot {
  return {
    id: `slot-${service}-${over.replica ?? 0}`,
    stack: "demo",
    service,
    replica: 0,
    config: "c",
    version: "new",
    wanted: "run",
    state: "Running",
    ready: true,
    reason: "probe_ready",
    restarts: 0,
    retries: 0,
    createdAt: 0,
    ...over,
  };
}
