import { z } from "@hono/zod-openapi";

/** The wire object of sessions (`inference/sessions/session.ts`). */

const left = z.number().nullable().describe("null: no limit");

export const SESSION_ANSWERS = {
  Session: z
    .object({
      ttl_ms_remaining: z.number().int(),
      turns: z.number().int().describe("taken"),
      kv_bytes: z.number().int().describe("0 where no engine told"),
      kv_warmth: z.number().min(0).max(1).describe("how likely the replica that answered last still holds the conversation"),
      tokens_budget_remaining: left,
      time_budget_remaining_ms: left,
      cost_budget_remaining: left,
    })
    .openapi("Session"),
} as const;
