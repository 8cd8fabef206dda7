import { expect, test } from "bun:test";
import type { PlanView } from "../../src/stack/view.ts";
import { sharedRig } from "./rig.ts";

const rig = sharedRig();

test("an apply finishes what a failed one left undone", async () => {
  const body = (db: string, api: string): string => `
    services:
      db: { command: "exec sleep ${db}", update: { observationWindow: 2s } }
      api: { command: "exec sleep ${api}", dependsOn: [db] }
  `;
  const stack = rig.stack(body("1000", "1000"));
  await stack.up();
  stack.edit(body("none", "2000"));
  expect((await stack.orco("apply")).code).toBe(1);
  stack.edit(body("1000", "2000"));
  const plan = JSON.parse(await stack.ok("apply", "--dry-run", "--json")) as PlanView;
  expect(plan.services.map(({ service, action }) => [service, action])).toEqual([
    ["db", "unchanged"],
    ["api", "change"],
  ]);
  expect(plan.services[1]?.fields.length).toBeGreaterThan(0);
  await stack.ok("apply");
  expect(rig.instances().filter((line) => /^\d+ sleep 2000$/.test(line))).toHaveLength(1);
  expect((await stack.orco("apply")).err).toContain("nothing to change");
});

test("an apply finishes what a cancelled one left undone, and one of the former file goes back to it", async () => {
  const body = (seconds: string, ready: string): string => `
    services:
      api: { command: "exec sleep ${seconds}", replicas: 2, health: { interval: 20ms, onUnready: none, command: { command: [${ready}] } } }
  `;
  const stack = rig.stack(body("1000", "'true'"));
  await stack.up();
  stack.edit(body("2000", "'false'"));
  const updating = stack.start("apply");
  await stack.whenService("api", "to run a new instance", ({ instances }) => instances.length === 3);
  updating.kill("SIGINT");
  await updating.ended;
  const { runs } = await rig.client.runs({ stack: stack.name });
  for (const run of runs) if (run.status === "running") await rig.client.cancelRun(run.id);
  stack.edit(body("1000", "'true'"));
  await stack.ok("apply");
  const { instances, ready } = await stack.service("api");
  expect({ ready, versions: new Set(instances.map(({ config }) => config)).size, count: instances.length }).toEqual({
    ready: true,
    versions: 1,
    count: 2,
  });
});

test("up of one service changes another that is stopped, but does not start it", async () => {
  const body = (db: string): string => `
    services:
      db: { command: "exec sleep ${db}" }
      web: { command: "exec sleep 1000" }
  `;
  const stack = rig.stack(body("1000"));
  await stack.up("web");
  stack.edit(body("1001"));
  await stack.up("web");
  expect(await stack.service("db")).toMatchObject({ state: "Stopped", replicas: { live: 0 } });
  await stack.up();
  expect(await stack.service("db")).toMatchObject({ state: "Running", ready: true });
});

test("a service that a failed apply did not come to stays what it was: nothing to change, a restart and a scale keep its version", async () => {
  const body = (db: string, api: string): string => `
    services:
      db: { command: "exec sleep ${db}", update: { observationWindow: 2s } }
      api: { command: "exec sleep ${api}", dependsOn: [db] }
  `;
  const stack = rig.stack(body("1000", "1001"));
  await stack.up();
  stack.edit(body("none", "2001"));
  expect((await stack.orco("apply")).code).toBe(1);
  await stack.ok("restart", "api");
  await stack.ok("scale", "api", "2");
  expect(rig.instances().filter((line) => /^\d+ sleep 2001$/.test(line))).toEqual([]);
  await stack.ok("scale", "api", "1");
  stack.edit(body("1000", "1001"));
  expect((await stack.orco("apply")).err).toContain("nothing to change");
});

test("services that fail at the same time are all wanted as they were", async () => {
  const names = ["a", "b", "c", "d"];
  const body = (seconds: string): string => `
    services:
${names.map((name) => `      ${name}: { command: "exec sleep ${seconds}", update: { observationWindow: 2s } }`).join("\n")}
  `;
  const stack = rig.stack(body("1000"));
  await stack.up();
  stack.edit(body("none"));
  expect((await stack.orco("apply")).code).toBe(1);
  for (const name of names) await stack.ok("scale", name, "2");
  const after = await Promise.all(names.map((name) => stack.service(name)));
  expect(after.map(({ ready, replicas }) => [ready, replicas.ready])).toEqual(names.map(() => [true, 2]));
});
