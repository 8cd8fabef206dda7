import { afterEach, expect, test } from "bun:test";
import { systemClock } from "../kernel/clock.ts";
import { startTestServer, type TestServer } from "./daemon.fake.ts";

let server: TestServer;

afterEach(() => server.dispose());

test("who executes a run is not counted, who makes up a token is", async () => {
  server = startTestServer(systemClock(), { rateLimit: { windowMs: 60_000, max: 3 } });
  const beat = async (token: string) =>
    (await fetch(`${server.url}/runs/r1/heartbeat`, { method: "POST", headers: { "x-run-token": token } })).status;
  const statuses = async (token: string) => [await beat(token), await beat(token), await beat(token), await beat(token)];
  expect(await statuses("a-right-run-token")).not.toContain(429);
  expect((await statuses("made-up"))[3]).toBe(429);
});
