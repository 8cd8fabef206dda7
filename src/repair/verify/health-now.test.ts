import { afterAll, beforeAll, expect, test } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import type { ContainerState } from "../finding.ts";
import { healthNow } from "./health-now.ts";
import { FakeTarget } from "./target.fake.ts";

let web: Bun.Server<undefined>;
beforeAll(() => {
  web = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: ({ url }) => new Response("", { status: url.endsWith("/sick") ? 500 : 200 }) });
});
afterAll(() => web.stop(true));

function now(state: Partial<ContainerState> | undefined, path?: string, app?: { path: string; method: string }) {
  const at = (asked: string): string => `http://127.0.0.1:${web.port}${asked}`;
  const profile = {
    ...(path !== undefined && { health: { url: at(path), timeoutMs: 1000 } }),
    ...(app && { appCheck: { method: app.method, url: at(app.path), status: 200 } }),
  };
  // Five minutes after the container of the fake was started.
  const clock = new FakeClock(Date.UTC(2026, 0, 1, 0, 5));
  return healthNow({ target: new FakeTarget(state), profile, clock, signal: new AbortController().signal });
}

test("what does not run is not running, and what was started anew a moment ago is in a loop", async () => {
  expect(await now(undefined)).toBe("not_running");
  expect(await now({ status: "exited" }, "/")).toBe("not_running");
  expect(await now({ status: "restarting" })).toBe("not_running");
  expect(await now({ restartCount: 7, startedAt: "2026-01-01T00:04:30Z" }, "/")).toBe("unhealthy");
  expect(await now({ restartCount: 7 }, "/")).toBe("healthy");
});

test("the healthcheck speaks first, then the health URL; where there is neither, nothing tells", async () => {
  const health = (status: "starting" | "healthy" | "unhealthy") => ({ health: { status, log: [] } });
  expect(await now({})).toBe("none");
  expect(await now(health("healthy"))).toBe("healthy");
  expect(await now(health("unhealthy"), "/")).toBe("unhealthy");
  expect(await now(health("starting"), "/")).toBe("starting");
  expect(await now(health("healthy"), "/sick")).toBe("unhealthy");
  expect([await now({}, "/"), await now({}, "/sick")]).toEqual(["healthy", "unhealthy"]);
});

test("an application check that fails already is nothing that a rollback has to bring about; one that may change something is not made", async () => {
  expect(await now({}, "/", { path: "/sick", method: "GET" })).toBe("unhealthy");
  expect(await now({}, undefined, { path: "/", method: "GET" })).toBe("healthy");
  expect(await now({}, "/", { path: "/sick", method: "POST" })).toBe("healthy");
  expect(await now({}, undefined, { path: "/sick", method: "POST" })).toBe("none");
});
