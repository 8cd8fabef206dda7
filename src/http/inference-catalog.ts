import { z } from "zod";
import { ModelBody, ModelStateBody } from "../inference/catalog/body.ts";
import type { JsonObject } from "../kernel/event.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { decodeCursor, encodeCursor, nextLink } from "./page.ts";
import { limit, none } from "./schemas.ts";

const path = "/v2/catalog/models";
/** As it is written in a URL, `/` as `%2F`. */
const oneModel = z.strictObject({ id: z.string().min(1).max(200).describe("a / in it as %2F") });

/** The models that are known, and their files (inference.md, "Catalog"). */
export function catalogRoutes(site: Site): void {
  registerRoute(site);
  listRoute(site);
  readRoutes(site);
  workRoutes(site);
  stateRoutes(site);
}

function registerRoute(site: Site): void {
  const { catalog } = site.deps.services.inference;
  const register = { path, id: "registerModel", summary: "Register a model", body: { schema: ModelBody, required: true } };
  const answers = { 201: json("It is on disk", "Model") };
  endpoint(site, { method: "post", params: none, query: none, creates: true, ...register, answers }, async (c, { body }) => {
    const model = await catalog.register((body.kind === "json" ? body.value : {}) as JsonObject);
    return c.json(model, 201, { location: `${path}/${encodeURIComponent(model.id)}` });
  });
}

function listRoute(site: Site): void {
  const { catalog } = site.deps.services.inference;
  const query = z.strictObject({ limit: limit.unwrap().optional().describe("default: all of them"), cursor: z.string().optional() });
  const list = { path, id: "listModels", summary: "The models of the catalog, by id", answers: { 200: json("Models", "ModelList") } };
  endpoint(site, { method: "get", params: none, query, ...list }, async (c, { query: { limit: count, cursor } }) => {
    const bound = { list: "models" };
    const after = cursor === undefined ? {} : { after: decodeCursor(cursor, bound) };
    const { models, next } = await catalog.list({ ...after, ...(count !== undefined && { limit: count }) });
    if (next === undefined) return c.json({ models });
    const place = encodeCursor(next, bound);
    return c.json({ models, next_cursor: place }, 200, { link: nextLink(c.req.url, place) });
  });
}

function readRoutes(site: Site): void {
  const { catalog } = site.deps.services.inference;
  const get = {
    path: `${path}/{id}`,
    id: "getModel",
    summary: "A model and how far its work is",
    answers: { 200: json("Model", "Model") },
  };
  endpoint(site, { method: "get", params: oneModel, query: none, ...get }, (c, { params }) => c.json(catalog.get(params.id)));

  const where = { path: "/v2/catalog/availability", id: "modelAvailability", summary: "Which nodes have which models" };
  const answers = { 200: json("By node and by model", "ModelAvailability") };
  endpoint(site, { method: "get", params: none, query: none, ...where, answers }, (c) => c.json(catalog.availability()));
}

function workRoutes(site: Site): void {
  const { catalog } = site.deps.services.inference;
  const answers = { 202: json("Under way; GET shows how far", "Model") };
  const verify = {
    path: `${path}/{id}/verify`,
    id: "verifyModel",
    summary: "Hold the file against its digest, fetched first where it is not here",
  };
  endpoint(site, { method: "post", params: oneModel, query: none, ...verify, answers }, async (c, { params }) =>
    c.json(await catalog.verify(params.id), 202),
  );

  const fetch = { path: `${path}/{id}/fetch`, id: "fetchModel", summary: "Fetch the file, or go on with it where it was cut off" };
  endpoint(site, { method: "post", params: oneModel, query: none, ...fetch, answers }, async (c, { params }) =>
    c.json(await catalog.fetch(params.id), 202),
  );
}

function stateRoutes(site: Site): void {
  const { catalog } = site.deps.services.inference;
  const state = {
    path: `${path}/{id}/state`,
    id: "setModelState",
    summary: "Retire a model, or take it back",
    body: { schema: ModelStateBody, required: true },
    answers: { 200: json("Model", "Model") },
  };
  endpoint(site, { method: "post", params: oneModel, query: none, ...state }, async (c, { params, body }) =>
    c.json(await catalog.setState(params.id, ModelStateBody.parse(body.kind === "json" ? body.value : {}).state)),
  );

  const remove = {
    path: `${path}/{id}`,
    id: "removeModel",
    summary: "Forget a model; its file stays",
    answers: { 204: { description: "Gone" } },
  };
  endpoint(site, { method: "delete", params: oneModel, query: none, ...remove }, async (c, { params }) => {
    await catalog.remove(params.id);
    return c.body(null, 204);
  });
}
