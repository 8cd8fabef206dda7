import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { InferenceMetrics } from "./inference-metrics.ts";
import { renderMetrics } from "./metrics.ts";

const DASHBOARD = new URL("../../docs/grafana/inference.json", import.meta.url);
const promtool = Bun.which("promtool");

function used(): InferenceMetrics {
  const metrics = new InferenceMetrics(() => ["p"]);
  metrics.queueDepth("p", 3);
  metrics.enqueued("p", "accepted");
  metrics.rejected("none", "MODEL_UNKNOWN");
  metrics.dispatched("p", "ok");
  metrics.dispatchLatency("p", 12);
  metrics.healthCheck("p", "error");
  metrics.nodesOnline(2);
  metrics.tokensIn("p", 5);
  metrics.tokensOut("p", 7);
  metrics.firstToken("p", 30);
  metrics.decode("p", 4000);
  metrics.frameSkipped("p");
  metrics.canceled("CANCELED");
  metrics.placed("placed");
  return metrics;
}

test("names and labels are those of the document", () => {
  const lines = renderMetrics(used().families()).split("\n");
  for (const line of [
    'orchd_admission_queue_depth{pool_id="p"} 3',
    'orchd_admission_enqueued_total{pool_id="p",outcome="accepted"} 1',
    'orchd_admission_rejected_total{pool_id="none",reason="MODEL_UNKNOWN"} 1',
    'orchd_tasks_dispatched_total{pool_id="p",outcome="ok"} 1',
    'orchd_dispatch_latency_ms_bucket{pool_id="p",le="10"} 0',
    'orchd_dispatch_latency_ms_bucket{pool_id="p",le="25"} 1',
    'orchd_pool_health_checks_total{pool_id="p",outcome="error"} 1',
    "orchd_nodes_online 2",
    'tokens_in_total{pool_id="p"} 5',
    'tokens_out_total{pool_id="p"} 7',
    'latency_first_token_ms_bucket{pool_id="p",le="5"} 0',
    'latency_first_token_ms_bucket{pool_id="p",le="3000"} 1',
    'latency_decode_ms_sum{pool_id="p"} 4000',
    'tasks_canceled_total{reason="CANCELED"} 1',
    'placement_decisions_total{outcome="placed"} 1',
  ])
    expect(lines).toContain(line);
});

test.skipIf(promtool === null && process.env["CI"] !== "true")(
  "promtool finds nothing wrong but that the document's names end in _ms",
  async () => {
    const child = Bun.spawn([promtool ?? "promtool", "check", "metrics"], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    await child.stdin.write(renderMetrics(used().families()));
    await child.stdin.end();
    const found = (await new Response(child.stderr).text()).split("\n").filter((line) => line !== "");
    // The document names them so; 3 is the exit code of such remarks, 1 that of text which is none of Prometheus.
    expect(found.filter((line) => !line.endsWith("_ms metric names should not contain abbreviated units"))).toEqual([]);
    expect(await child.exited).toBe(3);
  },
);

test("a pool that is gone has no queue depth, and makes room for others", () => {
  let there: string[] = [];
  const metrics = new InferenceMetrics(() => there);
  const ids = () => {
    const depth = metrics.families().find(({ name }) => name === "orchd_admission_queue_depth");
    return depth?.samples.map(({ labels }) => labels["pool_id"]);
  };
  for (let n = 0; n < 1000; n++) {
    there = [`p${n}`];
    metrics.queueDepth(`p${n}`, 1);
    metrics.enqueued(`p${n}`, "accepted");
  }
  expect(ids()).toEqual(["p999"]);
  expect(metrics.families().find(({ name }) => name === "orchd_admission_enqueued_total")?.samples.length).toBeLessThanOrEqual(200);
  there = Array.from({ length: 1000 }, (_, n) => `q${n}`);
  for (const id of there) metrics.enqueued(id, "accepted");
  const entered = metrics.families().find(({ name }) => name === "orchd_admission_enqueued_total")?.samples ?? [];
  expect(entered.length).toBeLessThanOrEqual(201);
  expect(entered.find(({ labels }) => labels["pool_id"] === "other")?.value).toBeGreaterThan(700);
});

test("the dashboard shows every metric, and none that is not there", () => {
  const text = readFileSync(DASHBOARD, "utf8");
  const board = JSON.parse(text) as { panels: { title: string; targets?: { expr: string }[] }[]; templating: { list: { type: string }[] } };
  const asked = board.panels.flatMap(({ targets = [] }) =>
    targets.flatMap(({ expr }) => expr.match(/\b(orchd|tokens|latency|tasks|placement)_\w+/g) ?? []),
  );
  const families = used().families();
  const exposed = new Set(
    families.flatMap(({ name, type }) => (type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name])),
  );
  expect(asked.filter((name) => !exposed.has(name))).toEqual([]);
  const shown = new Set(asked.map((name) => name.replace(/_(bucket|sum|count)$/, "")));
  expect(families.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([]);
  expect(board.templating.list.map(({ type }) => type)).toContain("datasource");
});
