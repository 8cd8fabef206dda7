import { z } from "zod";
import { MAX_SLOTS } from "../pools/pool.ts";
import { ENGINES } from "../request.ts";
import type { HeartbeatPool } from "./node.ts";
import { refuseAddress, refuseEndpoint } from "./reach.ts";

/** Bounds of what one node may say. */
const MAX_POOLS = 100;
const MAX_MODELS = 1_000;
const MAX_GPUS = 64;
const MAX_CORES = 1_000_000;
/** What the availability of models calls this machine. */
const LOCAL = "local";

const id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/, "must be letters, digits, '.', '_', ':' and '-', 128 at most");
const bytes = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const slots = z.number().int().min(0).max(MAX_SLOTS, `must be ${MAX_SLOTS} at most: the tasks that one engine takes at once`);

export const NodeId = id;

/** One pool as a node and a pool manager report it. What is not named here is dropped: a newer node may say more. */
const PoolEntry = z
  .object({
    pool_id: id,
    ready: z.boolean(),
    draining: z.boolean().default(false),
    slots_free: slots,
    slots_total: slots,
    vram_free_bytes: bytes.default(0),
    vram_total_bytes: bytes.optional(),
    engine: z.enum(ENGINES),
    endpoint: z.string().max(2_000).superRefine(refused(refuseEndpoint)).optional().describe("the engine, as the control plane reaches it"),
    endpoint_key: z.string().min(1).max(500).optional().describe("bearer token that the endpoint takes; never shown"),
    models_available: z.array(z.string().min(1).max(500)).max(MAX_MODELS).default([]),
  })
  .meta({ id: "PoolEntry" });

const pools = z
  .array(PoolEntry)
  .max(MAX_POOLS)
  .refine((entries) => new Set(entries.map((entry) => entry.pool_id)).size === entries.length, "must name each pool once");

const Gpu = z.object({
  device_id: z.union([z.string().max(200), z.number().int().transform(String)]),
  name: z.string().max(200),
  vram_total_bytes: bytes,
});

export const RegistrationBody = z
  .object({
    node_id: id.refine((text) => text !== LOCAL, `must not be ${LOCAL}, which is the machine of this control plane`),
    machine_id: z.string().min(1).max(200),
    address: z.string().min(1).max(500).superRefine(refused(refuseAddress)).describe("host:port or URL of the node"),
    pools: pools.default([]),
    capabilities: z.object({
      gpus: z.array(Gpu).max(MAX_GPUS).default([]),
      cpu_cores: z.number().int().min(0).max(MAX_CORES),
      ram_total_bytes: bytes,
    }),
    version: z.string().max(100),
  })
  .meta({ id: "NodeRegistration" });

export const HeartbeatBody = z.object({ timestamp: z.union([z.string().max(64), z.number()]), pools }).meta({ id: "NodeHeartbeat" });

function refused(why: (text: string) => string | undefined) {
  return (text: string, context: z.RefinementCtx): void => {
    const message = why(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  };
}

/** What a pool manager answered. An entry that is wrong is passed over and told; throws when nothing can be made of the text. */
export function readEntries(text: string): { readonly entries: readonly HeartbeatPool[]; readonly trouble: string | undefined } {
  const body = parsed(text);
  if (body === undefined) throw new Error('/v2/pools answered no list of pools: {"pools": […]} was expected');
  const entries = new Map<string, HeartbeatPool>();
  let trouble: string | undefined = body.length > MAX_POOLS ? `it has ${body.length} pools; the first ${MAX_POOLS} count` : undefined;
  for (const one of body.slice(0, MAX_POOLS)) {
    const read = PoolEntry.safeParse(one);
    if (!read.success)
      trouble ??= `an entry of /v2/pools is wrong: ${read.error.issues[0]?.path.join(".")}: ${read.error.issues[0]?.message}`;
    else if (entries.has(read.data.pool_id)) trouble ??= `/v2/pools names ${read.data.pool_id} twice; the first counts`;
    else entries.set(read.data.pool_id, read.data);
  }
  return { entries: [...entries.values()], trouble };
}

function parsed(text: string): readonly unknown[] | undefined {
  try {
    const value = JSON.parse(text) as { readonly pools?: unknown } | null;
    return Array.isArray(value?.pools) ? value.pools : undefined;
  } catch {
    return undefined;
  }
}
