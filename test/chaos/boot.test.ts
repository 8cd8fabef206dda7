import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ChaosRig } from "./rig.ts";

const OTHER_BOOT = "11111111-2222-4333-8444-555555555555";
const PROGRAMS = resolve(import.meta.dirname, "../programs");

test("after a boot nothing is adopted: everything is started once, in graph order", async () => {
  await using rig = new ChaosRig();
  const ready = JSON.stringify(join(PROGRAMS, "log-ready.sh"));
  const stack = rig.stack(`
    services:
      web: { command: exec sleep 100000, dependsOn: [api, worker] }
      api: { command: [${ready}, "0.05"], dependsOn: [db], health: { log: { pattern: listening } } }
      worker: { command: exec sleep 100000, replicas: 2, dependsOn: [{ target: db, require: ready }] }
      db: { command: [${ready}, "0.05"], health: { log: { pattern: listening } } }
      stopped: { command: exec sleep 100000 }
  `);
  await rig.begin();
  await stack.up();
  await stack.ok("stop", "stopped");
  await rig.kill();
  const old = new Set([...rig.trees().values()].flatMap((instances) => [...instances.keys()]));
  await rig.killInstances();
  moveToOtherBoot(rig.home);

  await rig.begin();
  await stack.when("all to be ready again", ({ services }) => services.filter(({ ready: isReady }) => isReady).length === 4);
  const history = await stack.history();
  const again = history.slice(history.findLastIndex(({ type, service }) => type === "instance.stopped" && service === "stopped") + 1);
  expect(again.filter(({ type }) => type === "instance.adopted")).toEqual([]);
  const order = again.map(({ type, service, replica }) => `${service}/${replica} ${type.replace("instance.", "")}`);
  expect(order.filter((line) => line.endsWith("starting")).toSorted()).toEqual([
    "api/0 starting",
    "db/0 starting",
    "web/0 starting",
    "worker/0 starting",
    "worker/1 starting",
  ]);
  for (const [first, second] of [
    ["db/0 ready", "api/0 starting"],
    ["db/0 ready", "worker/0 starting"],
    ["api/0 ready", "web/0 starting"],
    ["worker/1 running", "web/0 starting"],
  ] as const) {
    expect([first, second, order.indexOf(first) < order.indexOf(second)]).toEqual([first, second, true]);
  }
  const now = [...rig.trees()].flatMap(([slot, instances]) => [...instances.keys()].map((id) => `${slot} ${old.has(id) ? "old" : "new"}`));
  expect(now.toSorted()).toEqual(["api/0 new", "db/0 new", "web/0 new", "worker/0 new", "worker/1 new"]);
  expect(await stack.service("stopped")).toMatchObject({ state: "Stopped" });
});

/** Makes what is on disk the remains of another boot of the machine. */
function moveToOtherBoot(home: string): void {
  for (const instance of readdirSync(join(home, "instances"))) {
    const file = join(home, "instances", instance, "meta.json");
    const meta = JSON.parse(readFileSync(file, "utf8")) as { identity: { bootId: string } };
    writeFileSync(file, JSON.stringify({ ...meta, identity: { ...meta.identity, bootId: OTHER_BOOT } }));
  }
}
