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
  const card = servedBy(inference).has(id) ? cardOf(inference, id) : undefined;
  if (!card)
    throw failure("MODEL_UNKNOWN", `no pool serves the model ${JSON.stringify(id.slice(0, 200))}; GET /v1/models lists what there is`);
  return c.json(card);
}

function cardsOf(inference: InferenceService): ModelCard[] {
  return [...servedBy(inference)].toSorted().flatMap((id) => cardOf(inference, id) ?? []);
}

function servedBy({ pools }: InferenceService): ReadonlySet<string> {
  return new Set(pools.list().flatMap(({ models }) => models));
}

/** Undefined: admission would refuse a task for it. */
function cardOf({ catalog }: InferenceService, id: string): ModelCard | undefined {
  const entry = catalog.look(id);
  if (entry && (entry.state === "Retired" || !entry.trusted)) return undefined;
  const created = Math.floor(Date.parse(entry?.createdAt ?? "") / 1000) || 0;
  return { id, object: "model", created, owned_by: OWNER };
}
