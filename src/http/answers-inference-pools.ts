import { z } from "@hono/zod-openapi";
import { POLICIES } from "../inference/pools/pool.ts";
import { ENGINES } from "../inference/request.ts";

/** The wire objects of pools (`inference/pools/pool.ts`), as they are documented. */

const count = z.number().int();
const replica = z.object({
  id: z.string(),
  url: z.string(),
  ready: z.boolean(),
  draining: z.boolean(),
  slots_total: count,
  slots_free: count,
  models: z.array(z.string()).optional().describe("where it serves only some of the pool's"),
  vram_total_bytes: count.optional(),
  vram_free_bytes: count.optional(),
  breaker: z.enum(["closed", "open", "half_open"]).optional(),
  last_error: z.string().optional(),
});

const Pool = z
  .object({
    id: z.string(),
    engine: z.enum(ENGINES),
    models: z.array(z.string()),
    source: z.enum(["api", "stack", "node", "manager"]),
    policy: z.enum(POLICIES).optional(),
    ready: z.boolean(),
    draining: z.boolean(),
    queue_depth: count,
    slots_total: count,
    slots_free: count,
    replicas: z.array(replica),
    last_error: z.string().optional(),
  })
  .openapi("Pool");

export const POOL_ANSWERS = {
  Pool,
  PoolList: z.object({ pools: z.array(Pool) }).openapi("PoolList"),
  PoolHealth: z
    .object({
      live: z.boolean(),
      ready: z.boolean(),
      draining: z.boolean(),
      metrics: z.record(z.string(), z.number()),
      last_error: z.string().nullable(),
    })
    .openapi("PoolHealth"),
} as const;
