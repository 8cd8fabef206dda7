import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import type { Json } from "../kernel/event.ts";
import type { RunView } from "../workflow/view.ts";
import { callerOf, reservedOf } from "./caller.ts";
import type { Ctx } from "./context.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { ApprovalBody, flag, none, oneRun } from "./schemas.ts";
import type { GivenDecision } from "./services.ts";

const MAX_SIGNAL_BYTES = 256 * 1024;
const changed = { 200: json("The run as it is now", "RunChanged") };

/** What a caller may do to a run that is there. */
export function runActionRoutes(site: Site): void {
  cancelRoutes(site);
  pauseRoutes(site);
  retryRoute(site);
  signalRoute(site);
  approvalRoute(site);
}

function answer(c: Ctx, run: RunView): Response {
  return c.json({ ok: true, status: run.status, run });
}

/** `DELETE` is the document's; `POST …/cancel` is for who cannot send it. */
function cancelRoutes(site: Site): void {
  const { runs } = site.deps.services;
  const query = z.strictObject({ force: flag.optional().describe("kill at once") });
  const cancel = (c: Ctx, input: { params: { runId: string }; query: { force?: boolean | undefined } }): Promise<Response> => {
    c.env.hold();
    return runs.cancel(input.params.runId, { force: input.query.force ?? false }).then((run) => answer(c, run));
  };
  const summary = "Cancel a run; answers when it has ended";
  endpoint(site, { method: "delete", params: oneRun, query, path: "/runs/{runId}", id: "deleteRun", summary, answers: changed }, cancel);
  const post = { path: "/runs/{runId}/cancel", id: "cancelRun", summary: "The same as DELETE", answers: changed };
  endpoint(site, { method: "post", params: oneRun, query, ...post }, cancel);
}

function pauseRoutes(site: Site): void {
  const { runs } = site.deps.services;
  const pause = { path: "/runs/{runId}/pause", id: "pauseRun", summary: "Begin no more steps; those under way end", answers: changed };
  endpoint(site, { method: "post", params: oneRun, query: none, ...pause }, async (c, { params }) =>
    answer(c, await runs.pause(params.runId)),
  );
  const resume = { path: "/runs/{runId}/resume", id: "resumeRun", summary: "Go on with a paused run", answers: changed };
  endpoint(site, { method: "post", params: oneRun, query: none, ...resume }, async (c, { params }) =>
    answer(c, await runs.resume(params.runId)),
  );
}

function retryRoute(site: Site): void {
  const { runs } = site.deps.services;
  const schema = z.strictObject({ from_step: z.string().max(64).optional() }).meta({ id: "RunRetry" });
  const retry = {
    path: "/runs/{runId}/retry",
    id: "retryRun",
    summary: "A new run of the same plan; what was completed before from_step is taken over",
    body: { schema },
    answers: { 201: json("The new run", "RunRetried") },
    creates: true,
  };
  endpoint(site, { method: "post", params: oneRun, query: none, ...retry }, async (c, { params, body }) => {
    const step = body.kind === "json" ? body.value.from_step : undefined;
    const run = await runs.retry(params.runId, { owner: callerOf(c), ...reservedOf(c), ...(step !== undefined && { from_step: step }) });
    return c.json({ runId: run.id, retry_of: params.runId }, 201, { location: `/runs/${run.id}` });
  });
}

function signalRoute(site: Site): void {
  const { runs } = site.deps.services;
  const params = z.strictObject({ ...oneRun.shape, name: z.string().min(1).max(200) });
  const schema = z.strictObject({ data: z.unknown().optional() }).meta({ id: "RunSignal" });
  const signal = {
    path: "/runs/{runId}/signals/{name}",
    id: "signalRun",
    summary: "Answer a step that waits; an answer may come before the wait",
    body: { schema, maxBytes: MAX_SIGNAL_BYTES },
    answers: { 200: json("It is on disk", "RunChanged") },
  };
  endpoint(site, { method: "post", params, query: none, ...signal }, async (c, { params: { runId, name }, body }) => {
    await runs.signal(runId, name, body.kind === "json" ? ((body.value.data ?? null) as Json) : null);
    return answer(c, runs.get(runId));
  });
}

function approvalRoute(site: Site): void {
  const { runs } = site.deps.services;
  const approve = {
    path: "/runs/{runId}/approvals",
    id: "decideRun",
    summary: "Approve or reject what a run waits for",
    body: { schema: ApprovalBody, required: true },
    answers: changed,
  };
  endpoint(site, { method: "post", params: oneRun, query: none, ...approve }, async (c, { params, body }) => {
    if (body.kind !== "json") throw new OrcoError("unsupported_media_type", "send the decision as application/json");
    const decision = body.value as Partial<GivenDecision> & Pick<GivenDecision, "decision">;
    return answer(c, await runs.decide(params.runId, { approver: { id: callerOf(c) }, ...decision }));
  });
}
