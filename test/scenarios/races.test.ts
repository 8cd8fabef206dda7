import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { environOf } from "../../src/supervise/proc.ts";
import { until } from "../until.ts";
import { sharedRig } from "./rig.ts";

/** The mistakes of other tools, by name (stack.md, "Races that hurt users of other tools"). */
const PROGRAMS = join(import.meta.dirname, "../programs");
const rig = sharedRig();
/** A stop that has nothing to wait for, with room for a busy machine: the command itself takes most of it. */
const PROMPT_MS = 1000;

test("restart while waiting on a dependency: it goes on waiting, then starts once", async () => {
  const stack = rig.stack(`
    services:
      db: { command: "exec sleep 1000", health: { interval: 20ms, command: { command: [test, -e, go] }, onUnready: none } }
      api: { command: "exec sleep 1000", dependsOn: [db] }
  `);
  await stack.ok("up", "-d");
  await stack.whenService("api", "to wait", ({ message }) => message === "waiting for db (ready)");
  await stack.ok("restart", "-d", "api");
  await stack.event("the wish", ({ service, type }) => service === "api" && type === "instance.wanted");
  expect(await stack.service("api")).toMatchObject({ state: "Pending", message: "waiting for db (ready)" });
  stack.write("go", "");
  await stack.whenService("api", "to start", ({ ready }) => ready);
  expect((await stack.transitions("api")).filter((line) => line === "api starting")).toHaveLength(1);
});

test("stop in the middle of a backoff, or of a wait, is released at once and ends as Stopped", async () => {
  const stack = rig.stack(`
    services:
      crashing: { command: "exit 1", restartPolicy: { backoff: { min: 1h, max: 1h } } }
      db: { command: "exec sleep 1000", health: { command: { command: [test, -e, go] }, onUnready: none } }
      waiting: { command: "exec sleep 1000", dependsOn: [db] }
  `);
  await stack.ok("up", "-d");
  await stack.event("the backoff", ({ service, type }) => service === "crashing" && type === "instance.pending");
  for (const name of ["crashing", "waiting"]) {
    await stack.ok("stop", name);
    const events = (await stack.history()).filter(({ service }) => service === name).slice(-2);
    expect(events.map(({ type }) => type)).toEqual(["instance.wanted", "instance.stopped"]);
    const [asked = 0, stopped = 0] = events.map(({ ts }) => Date.parse(ts));
    // Not after the hour of its backoff.
    expect(stopped - asked).toBeLessThanOrEqual(5000);
    expect(await stack.service(name)).toMatchObject({ state: "Stopped", replicas: { live: 0 } });
  }
});

test("20 restarts at once end with one process", async () => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000" } }`);
  await stack.up();
  const before = await stack.pid("one");
  const runs = await Promise.all(
    Array.from({ length: 20 }, () => rig.client.act({ stack: stack.name, service: "one", action: "restart" })),
  );
  const ended = await Promise.all(runs.map(({ id }) => rig.client.waitRun(id)));
  expect(new Set(ended.map(({ status }) => status))).toEqual(new Set(["completed"]));
  const pid = await stack.pid("one");
  expect(pid).not.toBe(before);
  const sleeping = (): number[] => pidsWith(`ORCO_STACK=${stack.name}`).filter((marked) => commandLine(marked).startsWith("sleep"));
  await until("it to have become its command", () => sleeping().length > 0);
  expect(sleeping()).toEqual([pid]);
  await Promise.all(Array.from({ length: 5 }, () => stack.ok("restart", "one")));
});

test("a stop in the middle of a rolling restart stops all of it, also when a new daemon resumes the restart", async () => {
  const stack = rig.stack(`
    services: { one: { command: "exec sleep 1000", replicas: 3, health: { interval: 20ms, gracePeriod: 60s, command: { command: [test, -e, up] } } } }
  `);
  stack.write("up", "");
  await stack.up();
  await Bun.file(`${stack.dir}/up`).delete();
  await stack.ok("restart", "-d", "one");
  await stack.event("the first new instance", ({ type, reason }) => type === "instance.running" && reason === "restart");
  await stack.ok("stop", "one");
  stack.write("up", "");
  const [stop, restart] = (await rig.client.runs({ stack: stack.name })).runs;
  expect([stop?.kind, restart?.kind]).toEqual(["stop", "restart"]);
  await rig.client.waitRun(restart?.id ?? "");
  await rig.killDaemon();
  await rig.serve();
  expect(await stack.service("one")).toMatchObject({ state: "Stopped", replicas: { live: 0 } });
});

test("always, stopped by hand, stays stopped: over its own exit, an apply, and a new daemon; up starts it", async () => {
  const stack = rig.stack(`
    services:
      one: { command: "exec sleep 1000" }
      other: { command: "exec sleep 1000" }
  `);
  await stack.up();
  await stack.ok("stop", "one");
  const stopped = { state: "Stopped", ready: false, replicas: { live: 0 } };
  expect(await stack.service("one")).toMatchObject(stopped);
  await stack.ok("apply");
  expect(await stack.service("one")).toMatchObject(stopped);
  await rig.killDaemon("SIGTERM");
  await rig.serve();
  expect(await stack.service("one")).toMatchObject(stopped);
  expect(await stack.service("other")).toMatchObject({ state: "Running", restarts: 0 });
  stack.edit(`
    services:
      one: { command: "exec sleep 1001" }
      other: { command: "exec sleep 1000" }
  `);
  await stack.ok("apply");
  expect(await stack.service("one")).toMatchObject(stopped);
  await stack.up();
  expect(await stack.service("one")).toMatchObject({ state: "Running", ready: true });
});

test("a grandchild that holds stdout open does not delay the exit, nor the stop", async () => {
  const stack = rig.stack(`
    services:
      left: { command: [sh, ${PROGRAMS}/hold-stdout.sh], restartPolicy: { condition: never } }
      held: { command: "sleep 1000 & trap 'exit 0' TERM; while :; do sleep 0.02; done" }
  `);
  await stack.ok("up", "-d");
  await stack.whenService("left", "to complete", ({ message }) => message === "completed");
  const began = performance.now();
  await stack.ok("stop", "held");
  expect(performance.now() - began).toBeLessThan(3 * PROMPT_MS);
  expect(pidsWith(`ORCO_STACK=${stack.name}`)).toEqual([]);
});

test("down of 100 services that leave at once is prompt, whatever their stop timeout", async () => {
  const services = Array.from({ length: 100 }, (_, at) => `      s${at}: { command: "exec sleep 1000", stop: { timeout: 60s } }`);
  const stack = rig.stack(`    services:\n${services.join("\n")}`);
  await stack.up();
  const began = performance.now();
  await stack.ok("down", "-q");
  expect(performance.now() - began).toBeLessThan(5 * PROMPT_MS);
});

test("a service that dies without the line that would have made it ready fails its dependents", async () => {
  const stack = rig.stack(`
    services:
      db: { command: "echo starting; exit 4", restartPolicy: { condition: never }, health: { log: { pattern: listening } } }
      quits: { command: "echo done", restartPolicy: { condition: never }, health: { log: { pattern: listening } } }
      api: { command: "exec sleep 1000", dependsOn: [db] }
      web: { command: "exec sleep 1000", dependsOn: [quits] }
  `);
  const began = performance.now();
  const said = await stack.orco("up", "-d", "--wait", "api");
  expect(said.code).toBe(1);
  expect(said.err).toContain("api blocked: dependency db not Ready (db failed (instance_crash): exit code 4)");
  expect(performance.now() - began).toBeLessThan(5 * PROMPT_MS);
  const second = await stack.orco("up", "-d", "--wait", "web");
  expect(second.code).toBe(1);
  expect(second.err).toContain("web blocked: dependency quits not Ready (quits");
});

test("waiting for ready survives a restart of the dependency", async () => {
  const stack = rig.stack(`
    services:
      db: { command: "exec sleep 1000", health: { interval: 20ms, command: { command: [test, -e, go] }, onUnready: none } }
      api: { command: "exec sleep 1000", dependsOn: [db] }
  `);
  const waiting = stack.start("up", "-d", "--wait");
  await stack.when("db to run", ({ services }) => services.some(({ service, state }) => service === "db" && state === "Running"));
  await stack.ok("restart", "-d", "db");
  await stack.whenService("db", "to run again", ({ restarts, state }) => restarts === 1 && state === "Running");
  stack.write("go", "");
  expect((await waiting.ended).code).toBe(0);
});

test("an apply that waits for a service that is never ready holds up nobody else", async () => {
  const body = (other: string): string => `
    services:
      never: { command: "exec sleep 1000", health: { command: { command: ["false"] }, onUnready: none } }
      other: { command: "exec sleep ${other}" }
  `;
  const stack = rig.stack(body("1000"));
  const hanging = stack.start("up", "-d", "--wait");
  await stack.when("other to run", ({ services }) => services.some(({ service, ready }) => service === "other" && ready));
  await stack.ok("restart", "other");
  stack.edit(body("1001"));
  await stack.ok("apply", "-d");
  await stack.event(
    "the change of the other",
    ({ service, type, reason }) => service === "other" && type === "instance.running" && reason === "config_changed",
  );
  await stack.ok("scale", "other", "2");
  await stack.ok("down");
  expect((await hanging.ended).code).not.toBe(0);
});

function pidsWith(line: string): number[] {
  return rig
    .instances()
    .map((found) => Number(found.split(" ")[0]))
    .filter((pid) => environOf(pid)?.includes(line));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
