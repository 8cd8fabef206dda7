import { z } from "zod";
import { MAX_SLOTS, POLICIES } from "../inference/pools/pool.ts";
import { ENGINES } from "../inference/request.ts";
import type { NewPool } from "../inference/service.ts";
import { OrcoError } from "../kernel/errors.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { none } from "./schemas.ts";

const MAX_REPLICAS = 256;
const MAX_MODELS = 1000;
const MAX_DEADLINE_MS = 86_400_000;
const DEADLINE_MS = 30_000;

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/, "must begin with a letter or digit and hold only these and . _ : - (128 at most)");
const model = z
  .string()
  .min(1)
  .max(512)
  .regex(/^\P{Cc}*$/u, "must hold no control characters");

const Replica = z.strictObject({
  id: name,
  url: z.string().max(2048).describe("of the engine, with or without /v1 at its end"),
  slots: z.number().int().min(1).max(MAX_SLOTS).optional().describe("tasks it takes at once; default: as the engine says"),
  vram_total_bytes: z.number().int().min(0).optional(),
  api_key_env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "must be the name of a variable")
    .optional()
    .describe("the variable of the daemon's environment that holds the engine's key"),
});
const fields = {
  engine: z.enum(ENGINES),
  models: z.array(model).max(MAX_MODELS).optional().describe("default: as the engines say"),
  policy: z.enum(POLICIES).optional(),
  replicas: z.array(Replica).min(1).max(MAX_REPLICAS),
};
const PoolBody = z.strictObject({ id: name, ...fields }).meta({ id: "NewPool" });
const PutPoolBody = z.strictObject({ id: name.optional().describe("the one in the path"), ...fields }).meta({ id: "PutPool" });
const DrainBody = z
  .strictObject({ deadline_ms: z.number().int().min(0).max(MAX_DEADLINE_MS).default(DEADLINE_MS) })
  .meta({ id: "DrainPool" });
const ReloadBody = z.strictObject({ new_model_ref: model }).meta({ id: "ReloadPool" });

const one = z.strictObject({ id: z.string().min(1).max(200) });
const path = "/v2/pools";

/** Pools of engines (inference.md, "Where pools come from", "Control"). */
export function poolRoutes(site: Site): void {
  bookRoutes(site);
  changeRoutes(site);
  controlRoutes(site);
}

function bookRoutes(site: Site): void {
  const { pools } = site.deps.services.inference;
  const list = { path, id: "listPools", summary: "The pools, whoever they come from", answers: { 200: json("Pools", "PoolList") } };
  endpoint(site, { method: "get", params: none, query: none, ...list }, (c) => c.json({ pools: pools.list() }));

  const get = { path: `${path}/{id}`, id: "getPool", summary: "A pool", answers: { 200: json("Pool", "Pool") } };
  endpoint(site, { method: "get", params: one, query: none, ...get }, (c, { params }) => c.json(pools.get(params.id)));

  const health = {
    path: `${path}/{id}/health`,
    id: "getPoolHealth",
    summary: "Whether a pool's engines answer, and what went wrong last",
    answers: { 200: json("Health", "PoolHealth") },
  };
  endpoint(site, { method: "get", params: one, query: none, ...health }, (c, { params }) => c.json(pools.health(params.id)));
}

function changeRoutes(site: Site): void {
  const { pools } = site.deps.services.inference;
  const create = {
    path,
    id: "createPool",
    summary: "Register engines that someone else runs",
    body: { schema: PoolBody, required: true },
    answers: { 201: json("It is on disk, and was asked how it is", "Pool") },
    creates: true,
  };
  endpoint(site, { method: "post", params: none, query: none, ...create }, async (c, { body }) => {
    const made = await pools.create(newPool(body.kind === "json" ? body.value : PoolBody.parse({})));
    return c.json(made, 201, { location: `${path}/${encodeURIComponent(made.id)}` });
  });

  const put = {
    path: `${path}/{id}`,
    id: "putPool",
    summary: "Register engines that someone else runs, in place of those of this id; ends a drain",
    body: { schema: PutPoolBody, required: true },
    answers: { 200: json("It is on disk", "Pool"), 201: json("It is new", "Pool") },
  };
  endpoint(site, { method: "put", params: z.strictObject({ id: name }), query: none, ...put }, async (c, { params, body }) => {
    const { id = params.id, ...rest } = body.kind === "json" ? body.value : PutPoolBody.parse({});
    if (id !== params.id) throw new OrcoError("invalid", `id: the path names ${params.id}, the body ${id}`);
    const { pool, created } = await pools.put(newPool({ id, ...rest }));
    return c.json(pool, created ? 201 : 200);
  });

  const remove = {
    path: `${path}/{id}`,
    id: "deletePool",
    summary: "Forget a pool that was registered; what waits in it ends, what runs goes on",
    answers: { 204: { description: "Gone" } },
  };
  endpoint(site, { method: "delete", params: one, query: none, ...remove }, async (c, { params }) => {
    await pools.remove(params.id);
    return c.body(null, 204);
  });
}

function controlRoutes(site: Site): void {
  const { pools } = site.deps.services.inference;
  const answers = { 202: json("The pool as it is now", "Pool") };
  const drain = {
    path: `${path}/{id}/drain`,
    id: "drainPool",
    summary: "Give a pool no new tasks; what is left at the deadline ends",
    body: { schema: DrainBody },
    answers,
  };
  endpoint(site, { method: "post", params: one, query: none, ...drain }, async (c, { params, body }) => {
    await pools.drain(params.id, body.kind === "json" ? body.value.deadline_ms : DEADLINE_MS);
    return c.json(pools.get(params.id), 202);
  });

  const resume = {
    path: `${path}/{id}/resume`,
    id: "resumePool",
    summary: "Give a drained pool tasks again",
    body: { schema: none },
    answers,
  };
  endpoint(site, { method: "post", params: one, query: none, ...resume }, async (c, { params }) => {
    await pools.resume(params.id);
    return c.json(pools.get(params.id), 202);
  });

  const reload = {
    path: `${path}/{id}/reload`,
    id: "reloadPool",
    summary: "Go over to another model; the former one is served until the new one is ready, and on if it never is",
    body: { schema: ReloadBody, required: true },
    answers,
  };
  endpoint(site, { method: "post", params: one, query: none, ...reload }, async (c, { params, body }) => {
    await pools.reload(params.id, (body.kind === "json" ? body.value : ReloadBody.parse({})).new_model_ref);
    return c.json(pools.get(params.id), 202);
  });

  const purge = {
    path: `${path}/{id}/purge`,
    id: "purgePool",
    summary: "End what waits in a pool, and forget which sessions it knows",
    body: { schema: none },
    answers,
  };
  endpoint(site, { method: "post", params: one, query: none, ...purge }, async (c, { params }) => {
    await pools.purge(params.id);
    return c.json(pools.get(params.id), 202);
  });
}

/** What is absent is not there, rather than undefined. */
function newPool(body: z.infer<typeof PoolBody>): NewPool {
  const { models, policy, replicas, ...rest } = body;
  return {
    ...rest,
    ...(models && models.length > 0 && { models }),
    ...(policy !== undefined && { policy }),
    replicas: replicas.map(({ id, url, slots, vram_total_bytes, api_key_env }) => ({
      id,
      url,
      ...(slots !== undefined && { slots }),
      ...(vram_total_bytes !== undefined && { vram_total_bytes }),
      ...(api_key_env !== undefined && { api_key_env }),
    })),
  };
}
