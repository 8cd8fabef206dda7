import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import type { RunLogQuery } from "../runs/logs/query.ts";
import { tokenOf } from "./caller.ts";
import type { Ctx, Deps } from "./context.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { isKnown } from "./etag.ts";
import { flag, instant, none, oneRun } from "./schemas.ts";

const MAX_ARTIFACT_BYTES = 64 * 1024 * 1024;
const MAX_TAIL = 100_000;
const artifactName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, "must be letters, digits, . _ - only, 128 at most");

/** What a run leaves behind: its log and its artifacts. */
export function runFileRoutes(site: Site): void {
  logRoute(site);
  artifactRoutes(site);
}

function logRoute(site: Site): void {
  const { deps } = site;
  const query = z.strictObject({
    step: z.string().max(100).optional(),
    tail: z.coerce.number().int().min(0).max(MAX_TAIL).optional(),
    since: instant.optional(),
    after: z.coerce.number().int().min(0).optional().describe("seq of the last record seen"),
    level: z.string().max(10).optional(),
    grep: z.string().max(1000).optional(),
    follow: flag.optional(),
  });
  const answers = { 200: { description: "NDJSON, one record a line", content: { "application/x-ndjson": "RunLogRecord" } as const } };
  const logs = { path: "/runs/{runId}/logs", id: "runLogs", summary: "What the steps of a run print", answers };
  endpoint(site, { method: "get", params: oneRun, query, ...logs }, (c, { params, query: { since, ...wanted } }) => {
    deps.services.runs.get(params.runId);
    const given = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
    return logStream(deps, c, { id: params.runId, query: { ...given, ...(since !== undefined && { sinceMs: since }) } });
  });
}

type LogQuery = Omit<RunLogQuery, "signal">;

function logStream(deps: Deps, c: Ctx, { id, query }: { id: string; query: LogQuery }): Response {
  const headers = { "content-type": "application/x-ndjson; charset=utf-8", "x-accel-buffering": "no" };
  // Asked before the answer begins: a bad pattern is a 400, not a stream that breaks.
  const gone = new AbortController();
  const records = deps.services.runs.logs(id, { ...query, signal: gone.signal });
  if (c.req.method === "HEAD") return new Response(null, { headers });
  c.env.hold();
  c.set("streaming", true);
  const body = deps.streams.start({
    heartbeat: "\n",
    patient: true,
    produce: async (writer) => {
      writer.signal.addEventListener("abort", () => gone.abort(), { once: true });
      for await (const record of records) {
        await writer.send(`${JSON.stringify(record)}\n`);
        if (writer.signal.aborted) return;
      }
    },
  });
  return new Response(body, { headers });
}

function artifactRoutes(site: Site): void {
  const { deps } = site;
  const { runs } = deps.services;
  const { artifacts } = runs;
  const list = {
    path: "/runs/{runId}/artifacts",
    id: "listArtifacts",
    summary: "Files that a run has left",
    answers: { 200: json("Artifacts", "ArtifactList") },
  };
  endpoint(site, { method: "get", params: oneRun, query: none, ...list }, async (c, { params: { runId } }) => {
    runs.get(runId);
    return c.json({ runId, artifacts: await artifacts.list(runId) });
  });

  const params = z.strictObject({ ...oneRun.shape, name: artifactName });
  const path = "/runs/{runId}/artifacts/{name}";
  const bytes = {
    200: { description: "Its bytes; ETag is the SHA-256", content: { "application/octet-stream": "Text" } as const },
    304: { description: "If-None-Match names what it is" },
  };
  endpoint(
    site,
    { method: "get", params, query: none, path, id: "getArtifact", summary: "One file", answers: bytes },
    async (c, { params: { runId, name } }) => {
      runs.get(runId);
      const { artifact, body } = await artifacts.open(runId, name);
      const etag = `"${artifact.sha256}"`;
      if (isKnown(c.req.header("if-none-match"), etag)) {
        await body.cancel();
        return new Response(null, { status: 304, headers: { etag } });
      }
      const headers = {
        "content-type": "application/octet-stream",
        "content-length": String(artifact.size),
        "content-disposition": `attachment; filename="${name}"`,
        etag,
      };
      if (c.req.method === "HEAD") await body.cancel();
      return new Response(c.req.method === "HEAD" ? null : body, { headers });
    },
  );

  const put = { path, id: "putArtifact", summary: "Leave a file", answers: { 201: json("It is on disk", "Artifact") }, raw: true };
  endpoint(site, { method: "post", params, query: none, ...put }, async (c, { params: { runId, name } }) => {
    const run = runs.get(runId);
    refuseStale(deps, c, runId);
    const body = c.req.raw.body ?? new Blob([]).stream();
    const announced = Number(c.req.header("content-length") ?? 0);
    if (announced > MAX_ARTIFACT_BYTES)
      throw new OrcoError("too_large", `an artifact has ${MAX_ARTIFACT_BYTES} bytes at most`, { max_bytes: MAX_ARTIFACT_BYTES });
    return c.json(await artifacts.put(run.id, name, body), 201);
  });
}

function refuseStale({ services }: Deps, c: Ctx, runId: string): void {
  const { token } = tokenOf(c);
  if (token !== undefined) services.runs.workers.fence(runId, token);
}
