import { expect, test } from "bun:test";
import { AppUnderTest } from "./app-under-test.ts";
import { sharedRig } from "./rig.ts";

const rig = sharedRig({ RATE_LIMIT_MAX: "0" });

/** What a deploy of one commit says. */
async function said(name: string, contract: Record<string, unknown>): Promise<unknown> {
  if (rig.daemonPid() === undefined) await rig.serve();
  const app = await AppUnderTest.create(rig, name, contract);
  return (await app.deploy(await app.commit({ version: "v1" }))).body["detail"];
}

test("a failed start says what failed", async () => {
  expect(await said("nosecret", { secrets: { KEY: { file: "/nowhere/key" } } })).toMatch(/^the process was not started: .*\/nowhere\/key/);
  expect(await said("leaves", { start_command: "true" })).toBe(
    "the process ended during boot with exit code 0: start_command must stay in the foreground",
  );
  expect(await said("late", { start_command: "sleep 60", health_timeout_ms: 1200 })).toMatch(
    /did not answer 2xx within 1\.2s: nobody listens/,
  );
});
