import { z } from "@hono/zod-openapi";
import { ENGINES } from "../inference/request.ts";

/** The wire objects of nodes (`inference/nodes/node.ts`), as they are documented. */

const count = z.number().int();

const NodePool = z
  .object({
    pool_id: z.string(),
    ready: z.boolean(),
    draining: z.boolean(),
    slots_free: count,
    slots_total: count,
    vram_free_bytes: count,
    vram_total_bytes: count.optional(),
    engine: z.enum(ENGINES),
    endpoint: z.string().optional(),
    models_available: z.array(z.string()),
  })
  .openapi("NodePool");

const Node = z
  .object({
    node_id: z.string(),
    status: z.enum(["Online", "Offline"]),
    machine_id: z.string(),
    address: z.string(),
    pools: z.array(NodePool),
    capabilities: z.object({
      gpus: z.array(z.object({ device_id: z.string(), name: z.string(), vram_total_bytes: count })),
      cpu_cores: count,
      ram_total_bytes: count,
    }),
    version: z.string(),
    registered_at: z.string(),
    last_heartbeat_at: z.string(),
  })
  .openapi("Node");

const Manager = z
  .object({
    url: z.string(),
    status: z.enum(["Online", "Offline"]),
    pools: count.describe("that it named last"),
    last_error: z.string().nullable(),
  })
  .openapi("PoolManager");

export const NODE_ANSWERS = {
  HeartbeatReply: z
    .object({ success: z.literal(true), next_heartbeat_ms: count, stale_ms: count.optional().describe("only where it is short") })
    .openapi("HeartbeatReply"),
  NodeList: z.object({ nodes: z.array(Node), managers: z.array(Manager).describe("ORCHD_POOL_MANAGERS") }).openapi("NodeList"),
} as const;
