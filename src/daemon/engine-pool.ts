import type { GpuFacts } from "../inference/pools/gpu.ts";
import { MAX_SLOTS, POLICIES } from "../inference/pools/pool.ts";
import type { SourcePool, SourceReplica } from "../inference/pools/source.ts";
import { ENGINES } from "../inference/request.ts";
import type { ServiceSpec } from "../stack/spec.ts";
import type { Slot } from "../supervise/instance.ts";

export const POOL_LABEL = "pool";
/** As over the API. */
const POOL_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
/** Where services are shown whose label is no id. */
const MISNAMED = "misnamed";

/** A slot with the spec its instance was started with. */
export interface Member {
  readonly slot: Slot;
  readonly spec: ServiceSpec;
  /** It is to stop, and its pool has been told. */
  readonly left: boolean;
}

/** The same over restarts of the instance; one that replaces it in an update is another. */
export function replicaId({ service, replica, id }: Slot): string {
  return `${service}-${replica}-${id.slice(-6)}`;
}

/** A service as a pool, by its labels `pool`, `engine` (openai), `models` (with commas between), `slots` and `policy`. */
export function servicePool(service: ServiceSpec, members: readonly Member[], gpus: readonly GpuFacts[]): SourcePool {
  const { labels } = service;
  const engine = ENGINES.find((one) => one === labels["engine"]);
  const policy = POLICIES.find((one) => one === labels["policy"]);
  return {
    id: poolIdOf(labels[POOL_LABEL] ?? ""),
    engine: engine ?? "openai",
    ...(policy && { policy }),
    replicas: members.flatMap((member) => replicaOf(member, gpus) ?? []),
  };
}

function replicaOf({ slot, spec, left }: Member, gpus: readonly GpuFacts[]): SourceReplica | undefined {
  const port = spec.ports.find(({ protocol }) => protocol !== "udp");
  const at = port && slot.ports?.[String(port.container)];
  // Before its first start nobody knows where it will be.
  if (at === undefined) return port ? undefined : nowhere(slot);
  const models = listOf(spec.labels["models"]);
  const slots = slotsOf(spec.labels["slots"]);
  const trouble = labelTrouble(spec) ?? (isServing(slot) ? undefined : stateOf(slot));
  return {
    id: replicaId(slot),
    endpoint: { url: `http://${hostOf(slot.address)}:${at}` },
    draining: left || slot.traffic === "held" || slot.traffic === "leaving",
    ...(trouble !== undefined && { ready: false, lastError: trouble }),
    ...(models.length > 0 && { models }),
    ...(slots !== undefined && { slotsTotal: slots }),
    ...vramOf(spec, gpus),
  };
}

/** Until its pool has been told, one that is to stop goes on: its successor may not have answered yet. */
function isServing({ state, ready, wasReady }: Slot): boolean {
  return (state === "Running" && ready) || (state === "Stopping" && wasReady === true);
}

function stateOf({ state, message, ready }: Slot): string {
  const what = state === "Running" && !ready ? "Running, but not ready" : state;
  return `its instance is ${what}${message === undefined ? "" : `: ${message}`}`;
}

function nowhere(slot: Slot): SourceReplica {
  const lastError = `service ${slot.service} declares no port: tasks cannot reach it`;
  return { id: replicaId(slot), endpoint: { url: "http://127.0.0.1" }, ready: false, lastError };
}

/** The id that a label names: what could not be asked for over the API is no id. */
function poolIdOf(label: string): string {
  return POOL_ID.test(label) ? label : MISNAMED;
}

function labelTrouble({ labels }: ServiceSpec): string | undefined {
  const { engine, slots, policy, [POOL_LABEL]: pool = "" } = labels;
  if (!POOL_ID.test(pool))
    return `label pool: must begin with a letter or digit and hold only these and . _ : - (128 at most), not ${JSON.stringify(pool.slice(0, 40))}`;
  if (engine !== undefined && !ENGINES.some((one) => one === engine))
    return `label engine: must be one of ${ENGINES.join(", ")}, not ${engine}`;
  if (policy !== undefined && !POLICIES.some((one) => one === policy))
    return `label policy: must be one of ${POLICIES.join(", ")}, not ${policy}`;
  if (slots !== undefined && slotsOf(slots) === undefined)
    return `label slots: must be a whole number from 1 to ${MAX_SLOTS}, not ${slots}`;
  return undefined;
}

function slotsOf(text: string | undefined): number | undefined {
  const slots = Number(text);
  return text !== undefined && Number.isInteger(slots) && slots >= 1 && slots <= MAX_SLOTS ? slots : undefined;
}

function listOf(text = ""): string[] {
  return text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

function hostOf(address = "127.0.0.1"): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** Of the GPUs that the service may use: by CUDA_VISIBLE_DEVICES, else all. */
function vramOf({ env }: ServiceSpec, gpus: readonly GpuFacts[]): Pick<SourceReplica, "vramTotalBytes" | "vramFreeBytes"> {
  const visible = env["CUDA_VISIBLE_DEVICES"];
  const used = visible === undefined ? gpus : gpus.filter(({ index }) => listOf(visible).includes(String(index)));
  if (used.length === 0) return {};
  const sum = (of: (gpu: GpuFacts) => number): number => used.reduce((total, gpu) => total + of(gpu), 0);
  return { vramTotalBytes: sum(({ totalBytes }) => totalBytes), vramFreeBytes: sum(({ freeBytes }) => freeBytes) };
}
