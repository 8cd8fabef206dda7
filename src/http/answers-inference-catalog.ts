import { z } from "@hono/zod-openapi";

/** The wire objects of the catalog (`inference/catalog/model.ts`). */

const detail = z.string().optional();

const Model = z
  .looseObject({
    id: z.string(),
    digest: z.string().optional(),
    source_url: z.string(),
    tags: z.array(z.string()),
    state: z.enum(["Active", "Retired"]),
    verification: z.object({
      status: z.enum(["unverified", "verifying", "verified", "mismatch"]),
      bytes_done: z.number().int(),
      bytes_total: z.number().int(),
      detail,
    }),
    fetch: z.object({
      status: z.enum(["absent", "fetching", "present", "failed"]),
      bytes_done: z.number().int(),
      bytes_total: z.number().int().nullable(),
      error: z.string().optional(),
      digest: z.string().optional(),
    }),
    size_bytes: z.number().int().optional(),
    path: z.string().optional(),
    created_at: z.string(),
  })
  .openapi("Model");

export const CATALOG_ANSWERS = {
  Model,
  ModelList: z.object({ models: z.array(Model), next_cursor: z.string().optional() }).openapi("ModelList"),
  ModelAvailability: z
    .object({
      nodes: z.array(z.object({ node_id: z.string(), models: z.array(z.string()) })),
      total_models: z.number().int(),
      replicated_models: z.array(z.string()),
      single_node_models: z.array(z.string()),
    })
    .openapi("ModelAvailability"),
};
