import type { RunsFilter } from "../runs/catalogue.ts";
import { z } from "zod";
import { type Site, endpoint, json } from "./endpoint.ts";
import { decodeCursor, encodeCursor, nextLink } from "./page.ts";
import { runActionRoutes } from "./run-actions.ts";
import { runCreateRoutes } from "./run-create.ts";
import { runFileRoutes } from "./run-files.ts";
import { cursorQuery, runStream, STREAM_ANSWERS } from "./run-stream.ts";
import { runWorkRoutes } from "./run-work.ts";
import { instant, limit, none, oneRun, stackName } from "./schemas.ts";

/** Runs: everything that gets done, and its events (runs.md). */
export function runRoutes(site: Site): void {
  runCreateRoutes(site);
  listRoute(site);
  getRoute(site);
  streamRoute(site);
  runActionRoutes(site);
  runWorkRoutes(site);
  runFileRoutes(site);
}

const filterQuery = {
  status: z.enum(["pending", "running", "paused", "completed", "failed", "canceled"]).optional(),
  kind: z.string().max(64).optional(),
  name: z.string().max(200).optional(),
  owner: z.string().max(200).optional(),
  mode: z.enum(["local", "redis", "k8s"]).optional(),
  since: instant.optional().describe("created at or after: RFC 3339 or epoch ms"),
  stack: stackName.optional(),
};

function listRoute(site: Site): void {
  const { deps } = site;
  const query = z.strictObject({ ...filterQuery, limit, cursor: z.string().optional() });
  const list = { path: "/runs", id: "listRuns", summary: "Runs, newest first", answers: { 200: json("Runs", "RunList") } };
  endpoint(site, { method: "get", params: none, query, ...list }, (c, input) => {
    const { limit: count, cursor, ...wanted } = input.query;
    const filter = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)) as RunsFilter;
    const bound = { list: "runs", ...filter };
    const before = cursor === undefined ? undefined : decodeCursor(cursor, bound);
    const found = deps.services.runs.list({ ...filter, limit: count + 1, ...(before !== undefined && { before }) });
    const page = found.slice(0, count);
    const last = page.at(-1);
    if (found.length <= count || !last) return c.json({ runs: page });
    const next = encodeCursor(last.id, bound);
    return c.json({ runs: page, next_cursor: next }, 200, { link: nextLink(c.req.url, next) });
  });
}

function getRoute(site: Site): void {
  const { runs } = site.deps.services;
  const get = { path: "/runs/{runId}", id: "getRun", summary: "A run and its steps", answers: { 200: json("Run", "OneRun") } };
  endpoint(site, { method: "get", params: oneRun, query: none, ...get }, (c, input) => c.json({ run: runs.get(input.params.runId) }));
}

function streamRoute(site: Site): void {
  const stream = { path: "/runs/{runId}/events", id: "runEvents", summary: "A run's events as they happen", answers: STREAM_ANSWERS };
  endpoint(site, { method: "get", params: oneRun, query: z.strictObject(cursorQuery), ...stream }, (c, { params, query }) =>
    runStream(site.deps, c, { runId: params.runId, query }),
  );
}
