import { expect, test } from "bun:test";
import { sharedRig } from "./rig.ts";

const rig = sharedRig();

test("a dependent starts when its requirement holds: exists, started, ready, completed", async () => {
  const stack = rig.stack(`
    services:
      migrate: { command: "while [ ! -e go ]; do sleep 0.01; done", restartPolicy: { condition: never } }
      db:
        command: "while [ ! -e go ]; do sleep 0.01; done; echo listening; exec sleep 1000"
        health: { log: { pattern: listening } }
      never: { command: "exit 1", dependsOn: [{ target: db, require: ready }], restartPolicy: { condition: never } }
      on-exists: { command: "exec sleep 1000", dependsOn: [{ target: never, require: exists }] }
      on-started: { command: "exec sleep 1000", dependsOn: [{ target: db, require: started }] }
      on-ready: { command: "exec sleep 1000", dependsOn: [{ target: db, require: ready }] }
      on-default: { command: "exec sleep 1000", dependsOn: [db] }
      on-completed: { command: "exec sleep 1000", dependsOn: [{ target: migrate, require: completed }] }
  `);
  await stack.ok("up", "-d");
  const early = await stack.when("those that need no more than a start", ({ services }) => {
    const running = services.filter(({ service, ready }) => service.startsWith("on-") && ready).map(({ service }) => service);
    return running.includes("on-exists") && running.includes("on-started") && { running, services };
  });
  expect(early.running).toEqual(["on-exists", "on-started"]);
  const messages = Object.fromEntries(early.services.map(({ service, message }) => [service, message]));
  expect(messages).toMatchObject({
    "on-ready": "waiting for db (ready)",
    "on-default": "waiting for db (ready)",
    "on-completed": "waiting for migrate (completed)",
  });
  stack.write("go", "");
  await stack.when(
    "the others",
    ({ services }) => services.filter(({ service, ready }) => service.startsWith("on-") && ready).length === 5,
  );
  expect((await stack.service("migrate")).message).toBe("completed");
});

test("a timeout ends the wait with what was waited for and the last word of its probe; when it comes after all, the dependent starts", async () => {
  const stack = rig.stack(`
    services:
      db:
        command: "exec sleep 1000"
        health: { interval: 50ms, command: { command: [test, -e, go] }, onUnready: none }
      api: { command: "exec sleep 1000", dependsOn: [{ target: db, require: ready, timeout: 3s }] }
      web: { command: "exec sleep 1000", dependsOn: [api] }
  `);
  const said = await stack.orco("up", "-d", "--wait");
  expect(said.code).toBe(1);
  expect(said.err).toMatch(/api blocked: dependency db not Ready \(timeout 3s, probe failing: .+\)/);
  expect(said.err).toContain("web blocked: dependency api not Ready (api blocked: dependency db not Ready");
  expect(await stack.service("api")).toMatchObject({ state: "Failed", instances: [{ reason: "dependency_blocked" }] });
  expect(await stack.service("db")).toMatchObject({ state: "Running", ready: false });
  stack.write("go", "");
  await stack.whenService("web", "to start", ({ ready }) => ready);
});

test("services that wait for nothing of each other start at once; a stop goes the other way round, one layer after the other", async () => {
  const service = (dependsOn: string): string =>
    `{ command: "trap 'sleep 0.1; exit 0' TERM; while :; do sleep 0.02; done", dependsOn: [${dependsOn}] }`;
  const stack = rig.stack(`
    services:
      db1: ${service("")}
      db2: ${service("")}
      api1: ${service("db1, db2")}
      api2: ${service("db1, db2")}
      web: ${service("api1, api2")}
  `);
  await stack.up();
  await stack.ok("down");
  const order = await stack.transitions();
  const at = (what: string): number => order.indexOf(what);
  for (const [first, second] of [
    ["db1", "db2"],
    ["api1", "api2"],
  ] as const) {
    expect(Math.max(at(`${first} starting`), at(`${second} starting`))).toBeLessThan(
      Math.min(at(`${first} running`), at(`${second} running`)),
    );
    expect(Math.max(at(`${first} stopping`), at(`${second} stopping`))).toBeLessThan(
      Math.min(at(`${first} stopped`), at(`${second} stopped`)),
    );
  }
  for (const [lower, upper] of [
    ["db1", "api1"],
    ["db2", "api2"],
    ["api1", "web"],
    ["api2", "web"],
  ] as const) {
    expect(at(`${lower} running`)).toBeLessThan(at(`${upper} starting`));
    expect(at(`${upper} stopped`)).toBeLessThan(at(`${lower} stopping`));
  }
});

test("a service that can never start takes nobody down but those that need it", async () => {
  const stack = rig.stack(`
    services:
      bad: { command: "exit 3", restartPolicy: { condition: never } }
      needs: { command: "exec sleep 1000", dependsOn: [{ target: bad, require: completed }] }
      other: { command: "exec sleep 1000" }
  `);
  const said = await stack.orco("up", "-d", "--wait");
  expect(said.code).toBe(1);
  expect(said.err).toContain("bad failed (instance_crash): exit code 3");
  expect(said.err).toContain("needs blocked: dependency bad not completed (bad failed");
  expect(await stack.whenService("other", "to run", (other) => other.ready && other)).toMatchObject({ state: "Running" });
});

test("when a dependency goes unready its dependents run on and say so", async () => {
  const stack = rig.stack(`
    services:
      db:
        command: "exec sleep 1000"
        health: { interval: 20ms, timeout: 10s, failureThreshold: 2, command: { command: [test, -e, up] }, onUnready: none }
      api: { command: "exec sleep 1000", dependsOn: [db] }
  `);
  stack.write("up", "");
  await stack.up();
  const pid = await stack.pid("api");
  await Bun.file(`${stack.dir}/up`).delete();
  const api = await stack.whenService("api", "to be degraded", (service) => service.degraded && service);
  expect(api).toMatchObject({ state: "Running", ready: true, degraded: "db unready", message: "degraded: db unready" });
  expect(await stack.ok("status")).toMatch(/^api +Running +true +1\/1 +0 +\S+ +degraded: db unready$/m);
  stack.write("up", "");
  await stack.whenService("api", "to be well again", (service) => service.degraded === undefined);
  expect(await stack.pid("api")).toBe(pid);
});

test("one-shots end as completed and are not run a second time; on-failure tries again", async () => {
  const stack = rig.stack(`
    services:
      once: { command: "echo ran", restartPolicy: { condition: never } }
      retried: { command: "echo try; [ -e second ] || { touch second; exit 1; }", restartPolicy: { condition: on-failure, backoff: { min: 10ms } } }
  `);
  await stack.up();
  await stack.when("both to end", ({ services }) => services.every(({ message }) => message === "completed"));
  expect(await stack.service("once")).toMatchObject({
    state: "Stopped",
    message: "completed",
    instances: [{ exit: { code: 0, reason: "exited" } }],
  });
  expect(await stack.service("retried")).toMatchObject({ state: "Stopped", message: "completed", restarts: 1 });
  await stack.up();
  expect(await stack.lines("once")).toEqual(["ran"]);
  expect(await stack.lines("retried")).toEqual(["try", "try"]);
});
