import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../kernel/clock.ts";
import { Engine } from "../supervise/docker/engine.ts";
import { DockerCheck } from "./docker-check.ts";

const folder = mkdtempSync(join(tmpdir(), "orco-docker-check-"));
const unix = join(folder, "docker.sock");
let server: { stop: (closeActive?: boolean) => Promise<void> } | undefined;
afterEach(async () => {
  await server?.stop(true);
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

test("it is asked only where it is wanted, once a second at most, and says why it is not there", async () => {
  let pings = 0;
  const fetch = (): Response => {
    pings++;
    return new Response("OK", { headers: { "api-version": "1.41" } });
  };
  server = Bun.serve({ unix, fetch });
  const clock = new FakeClock();
  let isWanted = false;
  const check = new DockerCheck({ engine: new Engine(`unix://${unix}`), clock, isWanted: () => isWanted });
  expect([await check.checks(), pings]).toEqual([[], 0]);
  isWanted = true;
  const answers = await Promise.all([check.checks(), check.checks()]);
  expect(answers).toEqual([[{ name: "docker", ok: true, detail: "answers; API 1.41" }], answers[0] ?? []]);
  expect([(await check.checks()).length, pings]).toEqual([1, 1]);
  await server.stop(true);
  rmSync(unix, { force: true });
  await clock.advance(1000);
  expect(await check.checks()).toEqual([{ name: "docker", ok: false, detail: expect.stringContaining(`there is no ${unix}`) }]);
  isWanted = false;
  expect(await check.checks()).toEqual([]);
});

test("a password in its address is not told to whoever asks", async () => {
  const check = new DockerCheck({ engine: new Engine("tcp://me:hunter22@127.0.0.1:1"), clock: new FakeClock(), isWanted: () => true });
  const [said] = await check.checks();
  expect(said?.ok).toBe(false);
  expect(said?.detail).toContain("tcp://me:********@127.0.0.1:1");
  expect(said?.detail).not.toContain("hunter22");
});
