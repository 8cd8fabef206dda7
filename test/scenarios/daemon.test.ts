import { expect } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { LogRecord } from "../../src/supervise/logs/record.ts";
import { until } from "../until.ts";
import { scenario } from "./rig.ts";
import { jsonLines } from "./stack-under-test.ts";

const ticking = "n=0; while :; do n=$$((n+1)); echo tick $$n; sleep 0.01; done";

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  scenario(`a daemon that ends by ${signal} leaves its services running; the next one adopts them as they are`, async (rig) => {
    const stack = rig.stack(`
      services:
        db: { command: "exec sleep 1000", health: { interval: 30ms, timeout: 10s, command: { command: [test, -e, up] } } }
        api: { command: "exec sleep 1000", dependsOn: [db], restartPolicy: { backoff: { min: 1ms } } }
        said: { command: "echo ready; exec sleep 1000", health: { log: { pattern: ready } } }
        done: { command: "true", restartPolicy: { condition: never } }
    `);
    stack.write("up", "");
    await stack.up();
    process.kill(await stack.pid("api"), "SIGKILL");
    await stack.whenService("api", "to be back", ({ restarts, ready }) => restarts === 1 && ready);
    await stack.whenService("done", "to complete", ({ message }) => message === "completed");
    const before = await stack.view();
    const pids = await stack.pids();
    await rig.killDaemon(signal);
    expect(rig.instances().length).toBeGreaterThan(0);
    await rig.serve();
    await stack.when("readiness to be known", ({ services }) => services.every(({ ready, message }) => ready || message === "completed"));
    expect(await stack.pids()).toEqual(pids);
    for (const [at, service] of (await stack.view()).services.entries()) {
      const former = before.services[at];
      expect(service.restarts).toBe(former?.restarts ?? -1);
      expect(service.instances[0]?.id).toBe(former?.instances[0]?.id as string);
      expect(service.age_ms).toBeGreaterThanOrEqual(former?.age_ms ?? 0);
    }
    const adopted = (await stack.history()).filter(({ type }) => type === "instance.adopted").map(({ service }) => service);
    expect(new Set(adopted)).toEqual(new Set(["api", "db", "said"]));
    expect(adopted).toHaveLength(3);
    expect((await stack.transitions()).filter((line) => line.endsWith(" starting"))).toHaveLength(5);
  });
}

scenario("what ends while no daemon looks is known afterwards by its exit code, and treated by policy", async (rig) => {
  const stack = rig.stack(`
    services:
      once: { command: "while [ ! -e end ]; do sleep 0.01; done; echo last words; exit 0", restartPolicy: { condition: never } }
      bad: { command: "while [ ! -e end ]; do sleep 0.01; done; exit 5", restartPolicy: { condition: never } }
      again: { command: "[ -e end ] && exec sleep 1000; while [ ! -e end ]; do sleep 0.01; done; exit 6", restartPolicy: { backoff: { min: 10ms } } }
  `);
  await stack.ok("up", "-d");
  for (const service of ["once", "bad", "again"]) await stack.whenService(service, "to run", ({ state }) => state === "Running");
  await rig.killDaemon();
  stack.write("end", "");
  await until("all three to end", () => rig.instances().length === 0);
  await rig.serve();
  await stack.whenService("again", "to be started again", ({ restarts, ready }) => restarts === 1 && ready);
  expect(await stack.service("once")).toMatchObject({ state: "Stopped", message: "completed", instances: [{ exit: { code: 0 } }] });
  expect(await stack.service("bad")).toMatchObject({ state: "Failed", message: "exit code 5", instances: [{ exit: { code: 5 } }] });
  await stack.line(({ message }) => message === "last words");
});

scenario("a follower of the logs sees every line once over kills of the daemon, and so does the disk", async (rig) => {
  const stack = rig.stack(`services: { clock: { command: "${ticking}" } }`);
  await stack.up();
  const follower = stack.start("logs", "-f", "--json");
  const seen = (): LogRecord[] => jsonLines<LogRecord>(follower.out().slice(0, follower.out().lastIndexOf("\n") + 1));
  for (const signal of ["SIGKILL", "SIGTERM", "SIGKILL"] as const) {
    const count = seen().length;
    await until("twenty more lines", () => seen().length > count + 20, 10_000);
    await rig.killDaemon(signal);
    await rig.serve();
  }
  const count = seen().length;
  await until("lines after the last kill", () => seen().length > count + 20, 10_000);
  const followed = seen();
  follower.kill("SIGINT");
  expect(followed.map(({ seq }) => seq)).toEqual(followed.map((_, at) => at + 1));
  expect(followed.map(({ message }) => message)).toEqual(followed.map((_, at) => `tick ${at + 1}`));
  await stack.ok("stop", "clock");
  const stored = await stack.records("logs");
  expect(stored.map(({ message }) => message)).toEqual(stored.map((_, at) => `tick ${at + 1}`));
});

scenario("a second daemon on the same home refuses, naming the first", async (rig) => {
  await rig.serve();
  const second = await rig.orco(["serve"]);
  expect(second.code).not.toBe(0);
  expect(second.err).toContain(`pid ${rig.daemonPid()}`);
  expect(statSync(join(rig.home, "orco.sock")).mode & 0o777).toBe(0o600);
  expect(statSync(rig.home).mode & 0o777).toBe(0o700);
});

scenario("shutdown takes every stack and the daemon down", async (rig) => {
  const [one, two] = [
    rig.stack(`services: { a: { command: "exec sleep 1000" } }`),
    rig.stack(`services: { b: { command: "exec sleep 1000" } }`),
  ];
  await Promise.all([one.up(), two.up()]);
  const pid = rig.daemonPid();
  expect((await rig.orco(["shutdown"])).code).toBe(0);
  await until("the daemon to end", () => rig.daemonPid() === undefined);
  expect(pid).toBeNumber();
  expect(rig.instances()).toEqual([]);
  expect(existsSync(join(rig.home, "orco.sock"))).toBe(false);
});

scenario("a daemon that hangs is exit 3 and the message names its pid", async (rig) => {
  const stack = rig.stack(`services: { a: { command: "exec sleep 1000" } }`);
  await stack.up();
  const pid = rig.daemonPid() ?? 0;
  process.kill(pid, "SIGSTOP");
  const said = await stack.orco("status");
  process.kill(pid, "SIGCONT");
  expect(said).toMatchObject({ code: 3, err: expect.stringContaining(String(pid)) });
});

scenario("a wish that a crash interrupts is carried out by the next daemon: a stop, a restart, a down", async (rig) => {
  const deaf = `{ command: "trap '' TERM; while :; do sleep 0.02; done", stop: { timeout: 5s } }`;
  const stack = rig.stack(`services: { stopped: ${deaf}, restarted: ${deaf} }`);
  await stack.up();
  const before = await stack.pids();
  await stack.ok("restart", "-d", "restarted");
  await stack.ok("stop", "-d", "stopped");
  await stack.when("both to be stopping", ({ services }) => services.every(({ state }) => state === "Stopping"));
  await rig.killDaemon();
  await rig.serve();
  await stack.whenService("restarted", "to run anew", ({ ready, restarts }) => ready && restarts === 1);
  await stack.whenService("stopped", "to stop", ({ state }) => state === "Stopped");
  expect(await stack.pid("restarted")).not.toBe(before["restarted/0"] as number);
  await stack.ok("down", "-d");
  await stack.whenService("restarted", "to be stopping", ({ state }) => state === "Stopping");
  await rig.killDaemon();
  await rig.serve();
  await until("the stack to be gone", async () => (await rig.client.stacks()).length === 0, 20_000);
});
