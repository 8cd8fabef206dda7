import { z } from "zod";
import { RunRequestBody } from "../runs/request.ts";
import { callerOf, reservedOf } from "./caller.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { none } from "./schemas.ts";

/** Checkpoints and inputs have their own bounds; a plan of 10,000 steps has to fit. */
const MAX_PLAN_BYTES = 8 * 1024 * 1024;

const query = z.strictObject({
  mode: z.enum(["plan", "local", "redis", "k8s"]).default("local").describe("plan: only validate and order; else who executes it"),
});

/** `POST /runs` (runs.md): a plan that is executed, work that a worker claims, or with mode=plan nothing but the answer. */
export function runCreateRoutes(site: Site): void {
  const { runs } = site.deps.services;
  const create = {
    path: "/runs",
    id: "createRun",
    summary: "Create a run; with mode=plan only check and order its plan",
    body: { schema: RunRequestBody, maxBytes: MAX_PLAN_BYTES },
    answers: { 200: json("mode=plan: the plan, ordered; nothing is stored", "RunPlan"), 201: json("It is on disk", "RunCreated") },
    creates: true,
  };
  endpoint(site, { method: "post", params: none, query, ...create }, async (c, input) => {
    const request = input.body.kind === "json" ? input.body.value : RunRequestBody.parse({});
    const { mode } = input.query;
    if (mode === "plan") return c.json({ mode, plan: runs.plan(request) });
    const traceparent = c.req.header("traceparent");
    const run = await runs.create(request, {
      mode,
      owner: callerOf(c),
      ...(traceparent !== undefined && { traceparent }),
      ...reservedOf(c),
    });
    return c.json({ runId: run.id }, 201, { location: `/runs/${run.id}` });
  });
}
