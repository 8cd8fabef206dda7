import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import type { SpanData } from "../../src/kernel/otel/span.ts";
import { until } from "../until.ts";
import { InferenceCalls } from "./inference-calls.ts";
import { type Rig, sharedRig, type Started } from "./rig.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";
const SECRET = "xyzzy-of-the-prompt";

const collector = Bun.spawn([process.execPath, join(import.meta.dirname, "../programs/otlp-collector.ts")], { stdout: "pipe" });
afterAll(async () => {
  collector.kill();
  await collector.exited;
});
const { value } = await collector.stdout.getReader().read();
const endpoint = `http://127.0.0.1:${/(\d+)/.exec(new TextDecoder().decode(value))?.[1]}`;

/** An engine that keeps the traceparents it is given. */
const seen: (string | null)[] = [];
const engine = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request) {
    if (request.method === "GET") return Response.json({ object: "list", data: [{ id: "m", object: "model" }] });
    seen.push(request.headers.get("traceparent"));
    const frame = (choice: object) => `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`;
    const body = `${frame({ text: "a" })}${frame({ text: "b" })}${frame({ text: "", finish_reason: "stop" })}data: [DONE]\n\n`;
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  },
});
afterAll(() => engine.stop(true));

const [observed, silent] = [sharedRig({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }), sharedRig()];

async function started(rig: Rig): Promise<{ daemon: Started; api: InferenceCalls }> {
  const daemon = await rig.serve();
  const api = new InferenceCalls(rig);
  await api.call("POST", "/v2/pools", { id: "p", engine: "openai", models: ["m"], replicas: [{ id: "r", url: engine.url.origin }] });
  await api.poolThat("p", ({ ready }) => ready);
  return { daemon, api };
}

async function ask(rig: Rig, traceparent?: string): Promise<string> {
  const answer = await fetch("http://localhost/v2/tasks", {
    unix: join(rig.home, "orco.sock"),
    method: "POST",
    headers: { "content-type": "application/json", ...(traceparent !== undefined && { traceparent }) },
    body: JSON.stringify({ model_ref: "m", prompt: SECRET }),
  });
  return ((await answer.json()) as { task_id: string }).task_id;
}

test("a task is seen in spans, in the log and in the metrics, and the engine sees the caller's trace", async () => {
  const { daemon, api } = await started(observed);
  const id = await ask(observed, `00-${TRACE}-${CALLER}-01`);
  await api.ended(id);
  await api.call("POST", "/v2/tasks", { model_ref: "nobody", prompt: SECRET });
  const spans = await until("its spans to be there", async () => {
    const all = (await (await fetch(`${endpoint}/spans`)).json()) as (SpanData & { parentSpanId?: string })[];
    return all.some(({ name }) => name === "stream") ? all.filter(({ traceId }) => traceId === TRACE) : undefined;
  });
  expect(spans.map(({ name }) => name).toSorted()).toEqual(["admission", "dispatch", "placement", "stream", "task"]);
  const [task, dispatch] = ["task", "dispatch"].map((wanted) => spans.find(({ name }) => name === wanted));
  expect([task?.parentSpanId, dispatch?.parentSpanId]).toEqual([CALLER, task?.spanId]);
  expect(seen).toEqual([`00-${TRACE}-${dispatch?.spanId}-01`]);

  const lines = daemon
    .err()
    .split("\n")
    .filter((line) => line.includes('"msg":"task '));
  const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(told.map(({ msg }) => msg)).toEqual(["task dispatched", "task ended", "task refused"]);
  expect(told[1]).toMatchObject({ job_id: id, pool_id: "p", replica_id: "r", engine: "openai", queue_position: 0, tokens_out: 2 });
  expect(told[1]?.["correlation_id"]).toBe(told[0]?.["correlation_id"] as string);
  expect([daemon.err(), JSON.stringify(spans)].filter((text) => text.includes(SECRET))).toEqual([]);

  const metrics = await (await fetch("http://localhost/metrics", { unix: join(observed.home, "orco.sock") })).text();
  for (const line of [
    'orchd_tasks_dispatched_total{pool_id="p",outcome="ok"} 1',
    'orchd_admission_rejected_total{pool_id="none",reason="MODEL_UNKNOWN"} 1',
    'tokens_out_total{pool_id="p"} 2',
    'latency_first_token_ms_count{pool_id="p"} 1',
  ])
    expect(metrics.split("\n")).toContain(line);
});

test("without an exporter the caller's trace still goes on, and no other is begun", async () => {
  seen.length = 0;
  const { api } = await started(silent);
  await api.ended(await ask(silent, `00-${TRACE}-${CALLER}-00`));
  await api.ended(await ask(silent));
  await api.ended(await ask(silent, "nonsense"));
  expect(seen).toEqual([expect.stringMatching(new RegExp(`^00-${TRACE}-(?!${CALLER})[0-9a-f]{16}-00$`)), null, null]);
});
