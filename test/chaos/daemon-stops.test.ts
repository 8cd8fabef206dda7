import { expect, test } from "bun:test";
import { join, resolve } from "node:path";
import { until } from "../until.ts";
import { ChaosRig } from "./rig.ts";

const READY = join(resolve(import.meta.dirname, "../programs"), "log-ready.sh");

test.each(["SIGTERM", "SIGKILL"] as const)("%s to the daemon in the middle of a start: the next daemon carries on", async (signal) => {
  await using rig = new ChaosRig();
  const stack = rig.stack(`
    services:
      hooked:
        command: exec sleep 100000
        hooks: { preStart: { command: [sh, -c, "touch begun; while [ ! -e go ]; do sleep 0.01; done; true"] } }
      probed: { command: [${READY}, "0.3"], health: { log: { pattern: listening } } }
      crashing: { command: "[ -e go ] || exit 1; exec sleep 100000", restartPolicy: { maxRetries: -1, backoff: { min: 300ms, max: 300ms } } }
      waiting: { command: exec sleep 100000, dependsOn: [hooked, probed, crashing] }
      running: { command: exec sleep 100000 }
  `);
  await rig.begin();
  await stack.ok("up", "-d");
  await until("the hook to run", () => Bun.file(join(stack.dir, "begun")).exists());
  const pid = await stack.whenService("running", "to run", ({ ready, instances }) => ready && instances[0]?.pid);
  await rig.killDaemon(signal);
  stack.write("go", "");
  await rig.begin();
  await stack.when("all to be ready", ({ services }) => services.every(({ ready }) => ready));
  expect(await stack.pid("running")).toBe(pid);
  for (const [slot, instances] of rig.trees()) expect([slot, instances.size]).toEqual([slot, 1]);
  expect((await stack.service("hooked")).restarts).toBe(0);
  expect((await stack.service("probed")).restarts).toBe(0);
});
