import { z } from "zod";
import type { InferenceService, ModelCard } from "../inference/service.ts";
import { failure } from "../inference/failure.ts";
import type { Ctx } from "./context.ts";
import { endpoint, json, type Site } from "./endpoint.ts";
import { none } from "./schemas.ts";

const OWNER = "orco";
const one = z.strictObject({ id: z.string().min(1).max(1000) });

/** `/v1/models`: what pools serve, and the catalog does not take away. */
export function openAiModelRoutes(site: Site): void {
  const inference = () => site.deps.services.inference;
  const list = {
    path: "/v1/models",
    id: "listOpenAiModels",
    summary: "Models that can be asked",
    answers: { 200: json("Models", "OpenAiModelList") },
  };
  endpoint(site, { method: "get", params: none, query: none, ...list }, (c) => c.json({ object: "list", data: cardsOf(inference()) }));

  const get = { path: "/v1/models/{id}", id: "getOpenAiModel", summary: "A model", answers: { 200: json("Model", "OpenAiModel") } };
  endpoint(site, { method: "get", params: one, query: none, ...get }, (c, { params }) => answerCard(c, inference(), params.id));
  // Ids of models have slashes, and not every client escapes them.
  site.app.get("/v1/models/:id{.+}", (c) => answerCard(c, inference(), c.req.param("id")));
}

function answerCard(c: Ctx, inference: InferenceService, id: string): Response {
  const card = cardsOf(inference).find((other) => other.id === id);
  if (!card)
    throw failure("MODEL_UNKNOWN", `no pool serves the model ${JSON.stringify(id.slice(0, 200))}; GET /v1/models lists what there is`);
  return c.json(card);
}

function cardsOf({ pools, catalog }: InferenceService): ModelCard[] {
  const known = new Map(catalog.list().map((model) => [model.id, model]));
  const served = new Set(pools.list().flatMap(({ models }) => models));
  return [...served].toSorted().flatMap((id) => {
    const entry = known.get(id);
    if (entry && (entry.state === "Retired" || entry.verification.status === "mismatch")) return [];
    const created = Math.floor(Date.parse(entry?.created_at ?? "") / 1000) || 0;
    return [{ id, object: "model" as const, created, owned_by: OWNER }];
  });
}
