import { z } from "zod";
import { MAX_SESSION_ID_LENGTH, MAX_TTL_MS } from "../inference/sessions/session.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { none } from "./schemas.ts";

const one = z.strictObject({ id: z.string().min(1).max(MAX_SESSION_ID_LENGTH) });
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const SessionBody = z
  .strictObject({
    ttl_ms: z.number().int().min(1).max(MAX_TTL_MS).optional().describe("from its last use"),
    max_turns: count.optional().describe("default: 8"),
    tokens_budget: count.optional(),
    time_budget_ms: count.optional(),
    cost_budget: z.number().min(0).optional(),
  })
  .meta({ id: "PutSession" });

/** Conversations and what they may use (inference.md, "Sessions"). */
export function sessionRoutes(site: Site): void {
  const sessions = () => site.deps.services.inference.sessions;
  const path = "/v2/sessions/{id}";
  const answers = { 200: json("The session", "Session") };
  const get = { path, id: "getSession", summary: "What is left of a session's budgets, and whether it is warm", answers };
  endpoint(site, { method: "get", params: one, query: none, ...get }, (c, { params }) => c.json(sessions().get(params.id)));

  const body = { schema: SessionBody, required: true };
  const put = { path, id: "putSession", summary: "Give a session its limits; what is absent stays as it is", body, answers };
  endpoint(site, { method: "put", params: one, query: none, ...put }, (c, { params, body }) =>
    c.json(sessions().put(params.id, body.kind === "json" ? body.value : {})),
  );

  const gone = { 204: { description: "Gone" } };
  const remove = { path, id: "deleteSession", summary: "Forget a session; its tasks go on", answers: gone };
  endpoint(site, { method: "delete", params: one, query: none, ...remove }, (c, { params }) => {
    sessions().remove(params.id);
    return c.body(null, 204);
  });
}
