import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import type { Json } from "../kernel/event.ts";
import type { LogLine } from "../runs/ports.ts";
import type { NewCheckpoint } from "../runs/record.ts";
import { CheckpointBody, ClaimBody, claimOf, FinishBody, finishOf, HeartbeatBody, LogsBody, ReportBody, reportOf } from "./run-bodies.ts";
import { reservedOf, tokenOf } from "./caller.ts";
import { type Site, endpoint, type Input, json } from "./endpoint.ts";
import { decodeCursor, encodeCursor, nextLink } from "./page.ts";
import { limit, none, oneRun } from "./schemas.ts";

/** Checkpoint data of 900 kB, escaped at worst, in its envelope. */
const MAX_CHECKPOINT_BYTES = 2 * 1024 * 1024;
const MAX_REPORT_BYTES = 8 * 1024 * 1024;

/** Checkpoints, and what a worker elsewhere says (runs.md; `runs/worker-wire.ts`). */
export function runWorkRoutes(site: Site): void {
  checkpointRoutes(site);
  claimRoute(site);
  heartbeatRoute(site);
  reportRoutes(site);
  finishRoute(site);
}

function checkpointRoutes(site: Site): void {
  const { runs } = site.deps.services;
  const path = "/runs/{runId}/checkpoints";
  const query = z.strictObject({ after: z.string().max(200).optional().describe("a checkpoint id"), limit, cursor: z.string().optional() });
  const list = {
    path,
    id: "listCheckpoints",
    summary: "Checkpoints, oldest first",
    answers: { 200: json("Checkpoints", "CheckpointList") },
  };
  endpoint(site, { method: "get", params: oneRun, query, ...list }, (c, input) => {
    const { runId } = input.params;
    const { limit: count, cursor } = input.query;
    const bound = { list: "checkpoints", runId };
    const after = cursor === undefined ? input.query.after : decodeCursor(cursor, bound);
    const found = runs.checkpoints(runId, { limit: count + 1, ...(after !== undefined && { after }) });
    const checkpoints = found.slice(0, count);
    const last = checkpoints.at(-1);
    if (found.length <= count || !last) return c.json({ runId, checkpoints });
    const next = encodeCursor(last.id, bound);
    return c.json({ runId, checkpoints, next_cursor: next }, 200, { link: nextLink(c.req.url, next) });
  });

  const post = {
    path,
    id: "postCheckpoint",
    summary: "Record a checkpoint",
    body: { schema: CheckpointBody, required: true, maxBytes: MAX_CHECKPOINT_BYTES },
    answers: { 201: json("It is on disk", "CheckpointCreated") },
    creates: true,
  };
  endpoint(site, { method: "post", params: oneRun, query: none, ...post }, async (c, input) => {
    const checkpointId = await runs.checkpoint(input.params.runId, valueOf(input) as NewCheckpoint, { ...tokenOf(c), ...reservedOf(c) });
    return c.json({ checkpointId }, 201);
  });
}

function claimRoute(site: Site): void {
  const { workers } = site.deps.services.runs;
  const claim = {
    path: "/runs/{runId}/claim",
    id: "claimRun",
    summary: "Take a run to execute it; the token fences every attempt before",
    body: { schema: ClaimBody, required: true },
    answers: { 200: json("It is yours until the lease ends", "RunClaim") },
  };
  endpoint(site, { method: "post", params: oneRun, query: none, ...claim }, async (c, input) =>
    c.json(await workers.claim(input.params.runId, claimOf(valueOf(input)))),
  );
}

function heartbeatRoute(site: Site): void {
  const { workers } = site.deps.services.runs;
  const heartbeat = {
    path: "/runs/{runId}/heartbeat",
    id: "heartbeatRun",
    summary: "Keep the lease, and learn whether it shall end",
    body: { schema: HeartbeatBody },
    answers: { 200: json("The lease goes on", "RunHeartbeat") },
  };
  endpoint(site, { method: "post", params: oneRun, query: none, ...heartbeat }, async (c, { params, body }) => {
    const { seen, wait_ms: waitMs, release } = body.kind === "json" ? body.value : {};
    if (waitMs !== undefined) c.env.hold();
    const request = {
      ...(seen !== undefined && { seen }),
      ...(waitMs !== undefined && { wait_ms: waitMs }),
      ...(release !== undefined && { release }),
    };
    return c.json(await workers.heartbeat(params.runId, request, { ...tokenOf(c), signal: c.req.raw.signal }));
  });
}

function reportRoutes(site: Site): void {
  const { workers } = site.deps.services.runs;
  const report = {
    path: "/runs/{runId}/report",
    id: "reportRun",
    summary: "Transitions of steps and checkpoints, as one transaction",
    body: { schema: ReportBody, required: true, maxBytes: MAX_REPORT_BYTES },
    answers: { 200: json("All of it is on disk", "RunReported") },
  };
  endpoint(site, { method: "post", params: oneRun, query: none, ...report }, async (c, input) =>
    c.json(await workers.report(input.params.runId, reportOf(valueOf(input)), tokenOf(c))),
  );

  const logs = {
    path: "/runs/{runId}/logs",
    id: "postRunLogs",
    summary: "Lines for the run's log",
    body: { schema: LogsBody, required: true, maxBytes: MAX_REPORT_BYTES },
    answers: { 200: json("Taken", "Done") },
  };
  endpoint(site, { method: "post", params: oneRun, query: none, ...logs }, (c, input) => {
    workers.log(input.params.runId, valueOf(input).lines as LogLine[], tokenOf(c));
    return c.json({ ok: true });
  });

  const params = z.strictObject({ ...oneRun.shape, step: z.string().min(1).max(100) });
  const last = {
    path: "/runs/{runId}/steps/{step}/checkpoint",
    id: "lastCheckpoint",
    summary: "Data of a step's last checkpoint",
    answers: { 200: json("Its data", "CheckpointData") },
  };
  endpoint(site, { method: "get", params, query: none, ...last }, (c, { params: { runId, step } }) => {
    const data: Json | undefined = workers.lastCheckpoint(runId, step);
    if (data === undefined) throw new OrcoError("not_found", `step ${step} of run ${runId} has no checkpoint`, { run: runId, step });
    return c.json({ data });
  });
}

function finishRoute(site: Site): void {
  const { workers } = site.deps.services.runs;
  const finish = {
    path: "/runs/{runId}/finish",
    id: "finishRun",
    summary: "End a run: completed, failed or canceled",
    body: { schema: FinishBody, required: true, maxBytes: MAX_CHECKPOINT_BYTES },
    answers: { 200: json("It has ended", "RunChanged") },
  };
  endpoint(site, { method: "post", params: oneRun, query: none, ...finish }, async (c, input) => {
    const run = await workers.finish(input.params.runId, finishOf(valueOf(input)), tokenOf(c));
    return c.json({ ok: true, status: run.status, run });
  });
}

/** Of a body that is required. */
function valueOf<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType>({ body }: Input<P, Q, B>): z.infer<B> {
  if (body.kind === "json") return body.value;
  throw new OrcoError("unsupported_media_type", "send application/json");
}
