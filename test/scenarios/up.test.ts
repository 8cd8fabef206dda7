import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../until.ts";
import { scenario, sharedRig } from "./rig.ts";

const rig = sharedRig();

test("up --wait fails as soon as it is hopeless, with the chain; the rest runs on", async () => {
  const stack = rig.stack(`
    services:
      db: { command: "exit 3", restartPolicy: { condition: never }, health: { log: { pattern: x } } }
      api: { command: "exec sleep 1000", dependsOn: [db] }
      web: { command: "exec sleep 1000", dependsOn: [api] }
      slow: { command: "exec sleep 1000", health: { log: { pattern: never } } }
  `);
  const said = await stack.orco("up", "-d", "--wait");
  expect(said.code).toBe(1);
  for (const line of [
    "db failed (instance_crash): exit code 3",
    "api blocked: dependency db not Ready (db failed (instance_crash): exit code 3)",
    "web blocked: dependency api not Ready (api blocked: dependency db not Ready (db failed",
  ])
    expect(said.err).toContain(line);
  expect((await stack.service("slow")).state).toBe("Running");
});

test("up --wait --timeout ends with 124 and what it waits for; the stack goes on trying", async () => {
  const stack = rig.stack(`
    services:
      db: { command: "exec sleep 1000", health: { command: { command: [test, -e, go] }, interval: 50ms, failureThreshold: 1000 } }
      api: { command: "exec sleep 1000", dependsOn: [db] }
  `);
  const said = await stack.orco("up", "-d", "--wait", "--timeout", "2s");
  expect(said.code).toBe(124);
  expect(said.err).toContain("not ready after 2s");
  expect(said.err).toContain("api blocked: waiting for db (ready)");
  stack.write("go", "");
  await stack.whenService("api", "to be ready after all", ({ ready }) => ready);
});

test("up of some services starts these and what they need; up of all adds the rest and leaves these alone", async () => {
  const stack = rig.stack(`
    services:
      db: { command: "exec sleep 1000" }
      api: { command: "exec sleep 1000", dependsOn: [db] }
      web: { command: "exec sleep 1000", dependsOn: [api] }
      other: { command: "exec sleep 1000" }
  `);
  await stack.up("api");
  const states = (await stack.view()).services.map(({ service, state }) => `${service} ${state}`);
  expect(states).toEqual(["db Running", "api Running", "web Stopped", "other Stopped"]);
  const before = await stack.pids();
  await stack.up();
  expect(await stack.pids()).toMatchObject({
    "db/0": before["db/0"],
    "api/0": before["api/0"],
    "web/0": expect.any(Number),
    "other/0": expect.any(Number),
  });
  expect(await stack.orco("up", "-d", "nobody")).toMatchObject({
    code: 4,
    err: expect.stringContaining("has no service nobody; it has db, api, web, other"),
  });
});

scenario("two ups at once, on a home without a daemon: one daemon, one process a service", async (own) => {
  const stack = own.stack(`services: { one: { command: "exec sleep 1000" }, two: { command: "exec sleep 1000" } }`);
  const both = await Promise.all([stack.orco("up", "-d", "--wait"), stack.orco("up", "-d", "--wait")]);
  for (const said of both) expect(said.code === 0 || (said.code === 5 && said.err.includes("run "))).toBe(true);
  expect(both.some(({ code }) => code === 0)).toBe(true);
  await stack.when("both to run", ({ services }) => services.every(({ ready }) => ready));
  const sleeping = (): number => own.instances().filter((line) => line.includes("sleep 1000") && !line.includes("sh")).length;
  await until("both to have become their commands", () => sleeping() >= 2);
  expect(sleeping()).toBe(2);
});

test("a taken port names who has it; when it falls free the service starts by policy", async () => {
  const holder = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const stack = rig.stack(
    `services: { one: { command: "exec sleep 1000", ports: ["${holder.port}:80"], restartPolicy: { maxRetries: 0 } } }`,
  );
  const said = await stack.orco("up", "-d", "--wait");
  expect(said.code).toBe(1);
  expect(said.err).toContain(`port ${holder.port} is held by pid ${process.pid} (`);
  expect(said.err).toMatch(/; end that and orco restart \w+, or give/);
  holder.stop(true);
  await stack.ok("restart", "one");
  expect((await stack.service("one")).ready).toBe(true);
});

test("a missing executable fails at once, naming the PATH that was searched", async () => {
  const stack = rig.stack(`services: { one: { command: [no-such-program, --now] } }`);
  const said = await stack.orco("up", "-d", "--wait");
  expect(said.code).toBe(1);
  expect(said.err).toContain("no-such-program");
  expect(said.err).toContain("/usr/bin");
});

test("a wrong file is shown with place, line, caret and a suggestion, and nothing of it is started", async () => {
  const stack = rig.stack(`
    services:
      api:
        comand: "true"
      web: { command: "true", dependsOn: [apii] }
  `);
  const said = await stack.orco("up", "-d");
  expect(said.code).toBe(1);
  expect(said.err).toMatch(/stack\.yaml:5:\d+: error: .*comand/);
  expect(said.err).toMatch(/5 \| +comand: "true"\n +\| +\^/);
  expect(said.err).toMatch(/did you mean .?command/);
  expect(said.err).toMatch(/stack\.yaml:6:\d+: error: .*apii/);
  const broken = rig.stack(`services: { one: { command: "true" `);
  expect((await broken.orco("up", "-d")).err).toMatch(/stack\.yaml:\d+:\d+: error: .*\n +\d+ \|.*\n +\| +\^/);
  const circle = rig.stack(`
    services:
      a: { command: "true", dependsOn: [b] }
      b: { command: "true", dependsOn: [c] }
      c: { command: "true", dependsOn: [a] }
  `);
  expect((await circle.orco("up", "-d")).err).toContain("a → b → c → a");
  expect((await rig.orco(["--stack", circle.name, "status"])).code).toBe(4);
});

test("another file of the same name is refused, unless it is adopted", async () => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000" } }`);
  await stack.up();
  const elsewhere = join(stack.dir, "elsewhere");
  mkdirSync(elsewhere);
  writeFileSync(
    join(elsewhere, "stack.yaml"),
    `version: 0.1\nstack: { name: ${stack.name} }\nservices: { two: { command: "exec sleep 1000" } }\n`,
  );
  const refused = await rig.orco(["up", "-d", "--wait"], { cwd: elsewhere });
  expect(refused.code).toBe(5);
  expect(refused.err).toContain(`${stack.dir}/stack.yaml`);
  expect(refused.err).toContain("--adopt");
  expect((await rig.orco(["apply"], { cwd: elsewhere })).code).toBe(5);
  expect((await rig.orco(["up", "-d", "--wait", "--adopt"], { cwd: elsewhere })).code).toBe(0);
  expect((await stack.view()).services.map(({ service }) => service)).toEqual(["two"]);
});

test("an unknown service, stack or file exits 4, a wrong command line 2, no daemon 3", async () => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000" } }`);
  await stack.up();
  for (const command of ["restart", "stop", "start"])
    expect(await stack.orco(command, "nobody")).toMatchObject({ code: 4, err: expect.stringContaining("one") });
  expect((await stack.orco("logs", "nobody")).code).toBe(4);
  expect((await rig.orco(["--stack", "nowhere", "status"])).code).toBe(4);
  expect((await stack.orco("restrat", "one")).code).toBe(2);
  expect((await rig.orco(["--home", join(rig.dir, "empty"), "--stack", "x", "status"])).code).toBe(3);
});

test("up in the foreground shows progress and logs; Ctrl-C brings the stack down", async () => {
  const stack = rig.stack(`services: { one: { command: "echo here i am; exec sleep 1000" } }`);
  const up = stack.start("up");
  await stack.whenService("one", "to run", ({ ready }) => ready);
  await stack.line(({ message }) => message === "here i am");
  while (!up.out().includes("here i am")) await stack.view();
  up.kill("SIGINT");
  expect((await up.ended).code).toBe(0);
  expect((await stack.orco("status")).code).toBe(4);
});
