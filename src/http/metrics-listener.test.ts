import { afterEach, expect, test } from "bun:test";
import { refused } from "../kernel/journal-fixture.ts";
import { listenForMetrics, type MetricsListener } from "./metrics-listener.ts";

const open: MetricsListener[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function listen(
  port = 0,
  families = async () => [{ name: "x_total", help: "X.", type: "counter" as const, samples: [{ labels: {}, value: 7 }] }],
) {
  const listener = listenForMetrics({ host: "127.0.0.1", port }, families);
  open.push(listener);
  return listener;
}

test("it serves /metrics and nothing else", async () => {
  const { url } = listen();
  const metrics = await fetch(`${url}/metrics`);
  expect([metrics.status, metrics.headers.get("content-type")]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
  expect(await metrics.text()).toContain("x_total 7\n");
  const head = await fetch(`${url}/metrics`, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
  expect((await fetch(`${url}/runs`)).status).toBe(404);
  const posted = await fetch(`${url}/metrics`, { method: "POST" });
  expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  expect((await fetch(`${url}/metrics`, { headers: { host: "evil.example" } })).status).toBe(403);
});

test("what cannot be collected is a problem, and a port that is taken is named", async () => {
  const broken = listen(0, () => Promise.reject(new Error("the journal is away")));
  const answer = await fetch(`${broken.url}/metrics`);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([500, "application/problem+json"]);
  const port = Number(new URL(broken.url).port);
  const error = await refused(() => listenForMetrics({ host: "127.0.0.1", port }, async () => []));
  expect([error.code, error.facts["port"]]).toEqual(["port_in_use", port]);
});
