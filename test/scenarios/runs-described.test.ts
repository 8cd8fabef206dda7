import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { until } from "../until.ts";
import { type Fields, runsRig, sh } from "./runs-rig.ts";

const ROOT = join(import.meta.dirname, "../..");
const rig = runsRig();

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

async function metrics(): Promise<Sample[]> {
  const { text, headers } = await rig.get("/metrics");
  expect(headers.get("content-type")).toContain("text/plain");
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line) => {
    const [, name = "", labels = "", value = ""] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    expect(name, line).not.toBe("");
    const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = "", text = ""]) => [key, text]);
    return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) };
  });
}

function valueOf(samples: readonly Sample[], name: string, labels: Record<string, string> = {}): number | undefined {
  return samples.find((one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value))?.value;
}

describe("the JSON Schemas", () => {
  const files = ["run", "checkpoint", "event"] as const;

  test("that are served are those of the repository, and are 2020-12", async () => {
    for (const name of files) {
      const { body, headers } = await rig.get(`/schemas/${name}.json`);
      expect(headers.get("content-type")).toBe("application/schema+json");
      expect(body["$schema"]).toBe("https://json-schema.org/draft/2020-12/schema");
      expect(body).toEqual(JSON.parse(readFileSync(join(ROOT, `schemas/orchestrator/${name}.schema.json`), "utf8")) as Fields);
    }
    for (const name of ["stack", "contract"]) expect((await rig.get(`/schemas/${name}.json`)).status).toBe(200);
    for (const name of ["nope.json", "run.schema.json", "__proto__.json", "constructor.json", "..%2frun.json"])
      expect((await rig.get(`/schemas/${name}`)).status).toBeGreaterThanOrEqual(400);
  });

  test("take what is right and refuse what is not", async () => {
    const ajv = new Ajv2020({ strict: false });
    const [run, checkpoint, event] = await Promise.all(
      files.map(async (name) => ajv.compile((await rig.get(`/schemas/${name}.json`)).body)),
    );
    const { run: seen } = await rig.through([
      sh("a", "exit 3", { retry: { max: 1, backoff: { min_ms: 1 } } }),
      sh("b", "true", { needs: ["a"] }),
    ]);
    await rig.post(`/runs/${seen.id}/checkpoints`, { type: "late" });
    expect([run?.(seen), run?.({ ...seen, status: "cancelled" }), run?.({ ...seen, id: 5 }), run?.({})]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect([checkpoint?.({ id: "i", runId: "r", ts: "t", type: "t" }), checkpoint?.({ id: "i" })]).toEqual([true, false]);
    expect([
      event?.({ event: "end", data: { runId: "r", status: "completed" } }),
      event?.({ event: "end", data: {} }),
      event?.({ event: "x", data: {} }),
    ]).toEqual([true, false, false]);
  });
});

test("the document names every operation, once, with its answers", async () => {
  const { body } = await rig.get("/openapi.json");
  expect(body["openapi"]).toBe("3.1.0");
  const operations = Object.entries(body["paths"] as Record<string, Record<string, { operationId: string }>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => [`${method.toUpperCase()} ${path}`, operationId] as const),
  );
  const ids = operations.map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const ofRun = [
    "pause",
    "resume",
    "retry",
    "signals/{name}",
    "approvals",
    "claim",
    "heartbeat",
    "finish",
    "checkpoints",
    "artifacts/{name}",
  ];
  const wanted = [
    ...ofRun.map((what) => `POST /runs/{runId}/${what}`),
    ...["events", "checkpoints", "logs", "artifacts", "artifacts/{name}"].map((what) => `GET /runs/{runId}/${what}`),
    ...["/runs", "/runs/{runId}", "/schedules", "/schedules/{id}", "/events", "/schemas/{file}"].map((path) => `GET ${path}`),
    ...["/runs", "/schedules", "/tickets"].map((path) => `POST ${path}`),
    ...["/runs/{runId}", "/schedules/{id}"].map((path) => `DELETE ${path}`),
  ];
  const known: string[] = operations.map(([operation]) => operation);
  for (const operation of wanted) expect(known).toContain(operation);
  const docs = await rig.get("/docs");
  expect(docs.text).toContain("/runs/{runId}/heartbeat");
  expect(docs.headers.get("content-security-policy")).toContain("default-src 'none'");
});

test("metrics have the names and labels of the contract, never a raw path, and count", async () => {
  const before = await metrics();
  const of = (name: string, labels?: Record<string, string>) => valueOf(before, name, labels) ?? 0;
  await rig.through([sh("a", '[ "$ORCO_ATTEMPT" = 2 ]', { retry: { max: 1, backoff: { min_ms: 1 } } })]);
  await rig.through([sh("a", "false"), sh("b", "true", { needs: ["a"] })]);
  const canceled = await rig.create({});
  await rig.delete(`/runs/${canceled}`);
  const waiting = await rig.plan([{ id: "w", wait_for: "x" }]);
  await rig.stepWhen(waiting, "w", "waiting");
  const stream = await rig.events(`/runs/${waiting}/events`);
  await stream.when(({ event }) => event === "hello");
  const during = await metrics();
  const grew = (name: string, labels?: Record<string, string>) => (valueOf(during, name, labels) ?? 0) - of(name, labels);
  expect(grew("orco_runs_total", { kind: "plan", mode: "local", status: "completed" })).toBe(1);
  expect(grew("orco_runs_total", { kind: "plan", mode: "local", status: "failed" })).toBe(1);
  expect(grew("orco_runs_total", { kind: "external", mode: "local", status: "canceled" })).toBe(1);
  expect(valueOf(during, "orco_runs_active")).toBe(1);
  expect(grew("orco_run_duration_seconds_count", { kind: "plan" })).toBeGreaterThan(0);
  expect(grew("orco_steps_total", { status: "completed" })).toBe(1);
  expect(grew("orco_steps_total", { status: "failed" })).toBe(1);
  expect(grew("orco_steps_total", { status: "skipped" })).toBe(1);
  expect(grew("orco_step_retries_total")).toBe(1);
  expect(grew("orco_events_total")).toBeGreaterThan(10);
  expect(valueOf(during, "orco_sse_connections")).toBe(1);
  expect(grew("orco_journal_commit_seconds_count")).toBeGreaterThan(0);
  expect(grew("orco_journal_batch_size_count")).toBeGreaterThan(0);
  stream.close();
  const after = await until("the stream to be counted as gone", async () => {
    const now = await metrics();
    return valueOf(now, "orco_sse_connections") === 0 ? now : undefined;
  });
  expect(after.some(({ name, labels }) => name === "orco_sse_disconnects_total" && labels["reason"] !== undefined)).toBe(true);
  await rig.get("/no/such/path/canary-path");
  const requests = (await metrics()).filter(({ name }) => name.startsWith("http_request_duration_seconds"));
  expect(
    requests.some(({ labels }) => labels["route"] === "/runs/{runId}" && labels["method"] === "GET" && labels["status_code"] === "200"),
  ).toBe(true);
  expect(JSON.stringify(requests)).not.toMatch(/canary-path|[0-9a-f]{8}-[0-9a-f]{4}-7/);
  expect(requests.some(({ labels }) => labels["route"] === "/runs/{runId}/events" && labels["status_code"] === "200")).toBe(false);
  await rig.delete(`/runs/${waiting}`);
});
