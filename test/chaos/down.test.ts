import { expect, test } from "bun:test";
import { join, resolve } from "node:path";
import { until } from "../until.ts";
import { ChaosRig } from "./rig.ts";

const PROGRAMS = resolve(import.meta.dirname, "../programs");
/** Below the 10 s that a service has by default, and the hour of a hook. */
const DOWN_LIMIT_MS = 9000;

const SERVICES = `
    services:
      forks: { command: [PROGRAMS/double-fork.sh] }
      deaf-forks: { command: [PROGRAMS/double-fork.sh, deaf], stop: { timeout: 200ms } }
      deaf: { command: [PROGRAMS/ignore-term.sh], stop: { timeout: 200ms } }
      crowd: { command: "for i in 1 2 3 4 5 6 7 8; do (setsid sh -c 'trap \\"\\" TERM HUP; while :; do sleep 1000; done' &) ; done; exec sleep 100000", stop: { timeout: 200ms } }
      holder: { command: [PROGRAMS/hold-stdout.sh, "1"], restartPolicy: { maxRetries: -1, backoff: { min: 50ms, max: 50ms } } }
      crash: { command: "exit 1", restartPolicy: { maxRetries: -1, backoff: { min: 10ms, max: 20ms } } }
      starting: { command: "exec sleep 100000", hooks: { preStart: { command: [sh, -c, "(setsid sleep 100003 >/dev/null 2>&1 &); sleep 100004; true"], timeout: 1h } } }
      slow: { command: [PROGRAMS/trap-term.sh] }
      strays:
        command: exec sleep 100000
        hooks: { preStart: { command: [sh, -c, "(setsid sleep 100001 >/dev/null 2>&1 &)"] }, postStop: { command: [sh, -c, "(setsid sleep 100002 >/dev/null 2>&1 &)"] } }
      waiting: { command: "exec sleep 100000", dependsOn: [starting] }
`.replaceAll("PROGRAMS", PROGRAMS);

test.each([
  ["by the daemon that started it", 0],
  ["by the one after the next", 2],
] as const)("after down no process that carries the marker is left: %s", async (_by, kills) => {
  await using rig = new ChaosRig();
  const stack = rig.stack(SERVICES);
  await rig.begin();
  await stack.ok("up", "-d");
  await until(
    "the services to run",
    () => ["forks/0", "deaf-forks/0", "deaf/0", "crowd/0", "slow/0"].every((slot) => rig.trees().has(slot)),
    20_000,
  );
  for (let kill = 0; kill < kills; kill++) {
    await rig.kill();
    await rig.begin();
  }
  const began = performance.now();
  await stack.ok("down");
  expect(performance.now() - began).toBeLessThan(DOWN_LIMIT_MS);
  expect([...rig.trees().keys()]).toEqual([]);
  expect(rig.rows("SELECT id FROM slots")).toEqual([]);
});

test("a daemon killed in the middle of down: the next one goes on with it", async () => {
  await using rig = new ChaosRig();
  const stack = rig.stack(
    `services: { deaf: { command: [${join(PROGRAMS, "ignore-term.sh")}], stop: { timeout: 3s } }, other: { command: exec sleep 100000, dependsOn: [deaf] } }`,
  );
  await rig.begin();
  await stack.up();
  const run = await rig.client.deleteStack(stack.name);
  await stack.event("deaf to be stopped", ({ type, service }) => type === "instance.stopping" && service === "deaf");
  await rig.kill();
  expect(rig.trees().has("deaf/0")).toBe(true);
  await rig.begin();
  expect(await rig.client.waitRun(run.id)).toMatchObject({ status: "completed" });
  expect([...rig.trees().keys()]).toEqual([]);
});
