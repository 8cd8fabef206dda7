import { expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { until } from "../until.ts";
import { type Fields, type RunsRig, type SeenRun, type SeenStep, TIME } from "./runs-rig.ts";

const FOLDER = join(import.meta.dir, "..", "programs", "plans");

/** A plan that has to give the same on every executor, and what is done to its run. */
export interface PlanUnderTest {
  readonly name: string;
  readonly ends: "completed" | "failed" | "canceled";
  /** Of each step, items too: how it ends, with the code of its error. */
  readonly steps: Readonly<Record<string, string>>;
  readonly plan: { readonly steps: readonly { readonly id: string }[] };
  readonly input?: Fields;
  /** Cancelled when the step has said a checkpoint of that name. */
  readonly cancel?: { readonly step: string; readonly checkpoint: string };
  readonly signal?: { readonly name: string; readonly data: unknown };
  /** What is posted when the step waits. */
  readonly approval?: { readonly step: string };
}

/** What must not depend on who executes it: no ids, no times, no words of an engine. */
export interface Outcome {
  readonly status: string;
  readonly error?: string;
  readonly result?: unknown;
  readonly steps: readonly { readonly id: string; readonly status: string; readonly error?: string }[];
  readonly checkpoints: readonly Fields[];
  /** Lines that the steps have printed, sorted; where they were printed is not known everywhere. */
  readonly lines: readonly string[];
}

export const PLANS: readonly PlanUnderTest[] = readdirSync(FOLDER)
  .toSorted()
  .map((file) => ({
    name: file.replace(".yaml", ""),
    ...(parse(readFileSync(join(FOLDER, file), "utf8")) as Omit<PlanUnderTest, "name">),
  }));

export type Mode = "local" | "redis" | "k8s";

/** One daemon, and what its plans need. */
export interface Site {
  readonly rig: RunsRig;
  /** For `${input.server}`. */
  readonly server: string;
  readonly timeoutMs: number;
}

export function endsOf({ steps }: Outcome): Record<string, string> {
  return Object.fromEntries(steps.map(({ id, status, error }) => [id, [status, error].filter(Boolean).join(" ")]));
}

/** Carries a plan through to its end. */
export async function outcomeOf(site: Site, mode: Mode, under: PlanUnderTest): Promise<Outcome> {
  const { rig, server, timeoutMs } = site;
  const { plan, input = {}, cancel, signal, approval } = under;
  const id = await rig.create({ plan, input: { ...input, server } }, `?mode=${mode}`);
  if (cancel) await cancelled(site, id, cancel);
  if (signal) expect((await rig.post(`/runs/${id}/signals/${signal.name}`, { data: signal.data })).status).toBe(200);
  if (approval) {
    await rig.runWhen(id, (run) => statusOf(run, approval.step) === "waiting", timeoutMs);
    expect((await rig.post(`/runs/${id}/approvals`, approval)).status).toBe(200);
  }
  const run = await rig.runWhen(id, ({ endedAt }) => endedAt !== undefined, timeoutMs);
  return told(site, run, under);
}

async function cancelled({ rig, timeoutMs }: Site, id: string, { step, checkpoint }: NonNullable<PlanUnderTest["cancel"]>): Promise<void> {
  const isThere = async (): Promise<boolean> =>
    (await checkpointsOf(rig, id)).some((one) => one["step"] === step && one["name"] === checkpoint);
  await until(`checkpoint ${checkpoint}`, isThere, timeoutMs);
  const { status, body } = await rig.delete(`/runs/${id}`);
  expect([status, body]).toMatchObject([200, { ok: true, status: "canceled" }]);
}

async function told({ rig }: Site, run: SeenRun, { cancel }: PlanUnderTest): Promise<Outcome> {
  const { id, status, error, result } = run;
  const seen = { status, ...(error && { error: error.code }), ...(result !== undefined && { result: anonymous(result, id) }) };
  return {
    ...seen,
    steps: run.steps.map((step) => stepTold(step, id)),
    checkpoints: (await checkpointsOf(rig, id)).map(({ type, name, data, step, attempt }) => ({ type, name, data, step, attempt })),
    // What a step prints after its run was cancelled is kept where the daemon itself waits for its end.
    lines: cancel ? [] : await linesOf(rig, id),
  };
}

function stepTold({ id, status, attempt, outputs, error, message }: SeenStep, run: string): Outcome["steps"][number] {
  return {
    id,
    status,
    ...(attempt !== undefined && { attempt }),
    ...(outputs && { outputs: anonymous(outputs, run) }),
    ...(error && { error: error.code }),
    ...(status === "skipped" && { message }),
  };
}

async function checkpointsOf(rig: RunsRig, id: string): Promise<Fields[]> {
  return (await rig.get(`/runs/${id}/checkpoints?limit=500`)).body["checkpoints"] as Fields[];
}

async function linesOf(rig: RunsRig, id: string): Promise<string[]> {
  const { text } = await rig.get(`/runs/${id}/logs?tail=1000`);
  const lines = text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Fields);
  return lines
    .filter(({ source }) => source !== "orco")
    .map(({ step, attempt, message }) => `${String(step)} ${String(attempt)}: ${String(message).replaceAll(id, "<run>")}`)
    .toSorted();
}

/** Without the run's id, the dates of answers and when somebody decided. */
function anonymous(value: unknown, run: string): unknown {
  const text = JSON.stringify(value, (key, inner: unknown) => (isWhen(key, inner) ? undefined : inner));
  return JSON.parse(text.replaceAll(run, "<run>"));
}

function isWhen(key: string, value: unknown): boolean {
  return key === "date" || (key === "at" && typeof value === "string" && TIME.test(value));
}

function statusOf(run: SeenRun, step: string): string | undefined {
  return run.steps.find(({ id }) => id === step)?.status;
}

/** What the http steps ask. */
export function testServer(): Bun.Server<undefined> {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    routes: {
      "/json": () => Response.json({ who: "a server", list: [1, { two: 2 }] }),
      "/echo": async (request) =>
        Response.json({
          method: request.method,
          who: request.headers.get("x-who"),
          type: request.headers.get("content-type"),
          body: await bodyOf(request),
        }),
      "/moved": () => new Response("there", { status: 302, headers: { location: "/json" } }),
      "/broken": () => new Response("no disk", { status: 503 }),
      "/never": () => new Promise<Response>(() => undefined),
    },
  });
}

async function bodyOf(request: Request): Promise<unknown> {
  const text = await request.text();
  return request.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text;
}
