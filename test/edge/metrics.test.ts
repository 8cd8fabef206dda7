import { afterAll, expect, test } from "bun:test";
import { join, resolve } from "node:path";
import { freePort } from "../free-port.ts";
import { Rig } from "../scenarios/rig.ts";

const PROGRAM = join(resolve(import.meta.dirname, "../programs"), "versioned.ts");
const rig = new Rig({ RATE_LIMIT_MAX: "0" });
afterAll(() => rig.close());

/** Name with labels → value. */
async function scrape(): Promise<ReadonlyMap<string, number>> {
  const response = await fetch("http://localhost/metrics", { unix: join(rig.home, "orco.sock") });
  const lines = (await response.text()).split("\n").filter((line) => line.startsWith("orco_edge_"));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]));
}

test("/metrics of the daemon tells of every request the edge answered, by listener, pool and code", async () => {
  const port = freePort();
  const stack = rig.stack(`
    services:
      web:
        command: "exec ${process.execPath} ${PROGRAM} v1"
        replicas: 2
        ports: ["${port}:80"]
        health: { interval: 100ms, timeout: 5s, gracePeriod: 60s, http: { url: "http://localhost:80/health" } }
  `);
  await stack.up();
  for (let n = 0; n < 20; n++) await (await fetch(`http://127.0.0.1:${port}/`)).text();
  const refused = await fetch(`http://127.0.0.1:${port}/..%2fx`);
  expect([refused.status, refused.headers.get("x-orco-error")]).toEqual([400, "ambiguous_path"]);
  await refused.text();
  const metrics = await scrape();
  const labels = `listener="127.0.0.1:${port}",pool="stack/${stack.name}/web/${port}"`;
  expect(metrics.get(`orco_edge_requests_total{${labels},code="200"}`)).toBe(20);
  expect(metrics.get(`orco_edge_requests_total{listener="127.0.0.1:${port}",pool="",code="400"}`)).toBe(1);
  expect(metrics.get(`orco_edge_request_duration_seconds_count{${labels}}`)).toBe(20);
  expect(metrics.get(`orco_edge_request_duration_seconds_bucket{${labels},le="+Inf"}`)).toBe(20);
  expect(metrics.get(`orco_edge_request_duration_seconds_sum{${labels}}`)).toBeGreaterThan(0);
  for (const name of ["inflight", "held", "retries_total"]) expect(metrics.get(`orco_edge_${name}{${labels}}`)).toBe(0);
  expect(metrics.get(`orco_edge_connections{${labels}}`)).toBeGreaterThanOrEqual(0);
  expect(metrics.get("orco_edge_swap_seconds_count")).toBeGreaterThanOrEqual(1);
  expect(metrics.get("orco_edge_workers")).toBeGreaterThanOrEqual(1);
});
