import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import type { JournalEvent, JsonObject } from "../kernel/event.ts";
import type { RunStatus, RunView } from "../stack/view.ts";
import type { Ctx } from "./context.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { openEventStream } from "./event-stream.ts";
import { topicFeed } from "./feed.ts";
import { decodeCursor, encodeCursor, nextLink } from "./page.ts";
import type { Decision } from "../workflow/approval.ts";
import { ApprovalBody, limit, runId, stackName } from "./schemas.ts";

const ENDED: ReadonlySet<string> = new Set<RunStatus>(["completed", "failed", "cancelled"]);
const one = z.strictObject({ id: runId });
const none = z.strictObject({});

export const cursorQuery = { lastEventId: z.string().optional(), replay: z.coerce.number().int().optional() };

/** Runs: every change to the system, and its events. */
export function runRoutes(site: Site): void {
  const { deps } = site;
  listRoute(site);
  const { runs } = deps.services;
  const get = { path: "/runs/{id}", id: "getRun", summary: "A run and its steps", answers: { 200: json("Run", "Run") } };
  endpoint(site, { method: "get", params: one, query: none, ...get }, (c, input) => c.json(runs.get(input.params.id)));

  const cancel = {
    path: "/runs/{id}/cancel",
    id: "cancelRun",
    summary: "Cancel a run",
    answers: { 200: json("The run as it is now", "Run") },
  };
  endpoint(site, { method: "post", params: one, query: none, ...cancel }, async (c, input) => c.json(await runs.cancel(input.params.id)));

  approvalRoute(site);
  streamRoute(site);
}

function approvalRoute(site: Site): void {
  const { runs } = site.deps.services;
  const approve = {
    path: "/runs/{id}/approvals",
    id: "decideRun",
    summary: "Approve or reject what a run waits for",
    body: { schema: ApprovalBody, required: true },
    answers: { 200: json("The run as it is now", "Run") },
  };
  endpoint(site, { method: "post", params: one, query: none, ...approve }, async (c, { params, body }) => {
    if (body.kind !== "json") throw new OrcoError("unsupported_media_type", "send the decision as application/json");
    return c.json(
      await runs.decide(params.id, { approver: { id: callerOf(c) }, ...(body.value as Partial<Decision> & Pick<Decision, "decision">) }),
    );
  });
}

/** The socket opens only for the user of the daemon. */
function callerOf(c: Ctx): string {
  const key = c.get("keyFingerprint");
  if (c.env.listener === "unix") return `uid:${process.getuid?.() ?? 0}`;
  return key === undefined ? "api" : `key:${key}`;
}

function listRoute(site: Site): void {
  const { deps } = site;
  const query = z.strictObject({ stack: stackName.optional(), limit, cursor: z.string().optional() });
  const list = { path: "/runs", id: "listRuns", summary: "Runs, newest first", answers: { 200: json("Runs", "RunList") } };
  endpoint(site, { method: "get", params: none, query, ...list }, (c, input) => {
    const { stack, limit: count, cursor } = input.query;
    const filters = { list: "runs", stack };
    const before = cursor === undefined ? undefined : decodeCursor(cursor, filters);
    const found = deps.services.runs.list({
      limit: count + 1,
      ...(stack !== undefined && { stack }),
      ...(before !== undefined && { before }),
    });
    const page = found.slice(0, count);
    const last = page.at(-1);
    if (found.length <= count || !last) return c.json({ runs: page });
    const next = encodeCursor(last.id, filters);
    return c.json({ runs: page, next_cursor: next }, 200, { link: nextLink(c.req.url, next) });
  });
}

function streamRoute(site: Site): void {
  const { deps } = site;
  const { runs, journal } = deps.services;
  const answers = {
    200: { description: "hello, the run's events, end", content: { "text/event-stream": "Event" } as const },
    204: { description: "You have seen the end" },
  };
  const stream = { path: "/runs/{id}/events", id: "runEvents", summary: "A run's events as they happen", answers };
  endpoint(site, { method: "get", params: one, query: z.strictObject(cursorQuery), ...stream }, (c, input) => {
    const { id } = input.params;
    const ended = () => endedStatus(runs.get(id));
    ended();
    return openEventStream(deps, c, {
      query: input.query,
      feed: topicFeed(journal, `run/${id}`),
      hello: () => ({ runId: id, status: runs.get(id).status }),
      snapshot: () => runs.get(id) as unknown as JsonObject,
      ended,
      endOf,
    });
  });
}

function endedStatus({ status }: RunView): string | undefined {
  return ENDED.has(status) ? status : undefined;
}

function endOf({ type, data }: JournalEvent): string | undefined {
  const { status } = data;
  return type.startsWith("run.") && typeof status === "string" && ENDED.has(status) ? status : undefined;
}
