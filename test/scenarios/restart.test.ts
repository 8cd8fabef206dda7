import { expect, test } from "bun:test";
import { until } from "../until.ts";
import { scenario, sharedRig } from "./rig.ts";

const rig = sharedRig();

test("a service that keeps failing waits longer each time, then fails for good, its dependents blocked with the reason; a restart recovers", async () => {
  const stack = rig.stack(`
    services:
      db:
        command: "[ -e mended ] || exit 7; exec sleep 1000"
        health: { command: { command: [test, -e, mended] } }
        restartPolicy: { maxRetries: 3, backoff: { min: 20ms, factor: 3 } }
      api: { command: "exec sleep 1000", dependsOn: [db] }
  `);
  const said = await stack.orco("up", "-d", "--wait");
  expect(said.code).toBe(1);
  expect(said.err).toContain("db failed (retries_exhausted): exit code 7");
  expect(said.err).toContain("api blocked: dependency db not Ready (db failed (retries_exhausted): exit code 7)");
  const history = await stack.history();
  const ended = history.filter(({ service, type }) => service === "db" && type === "instance.pending").map(({ ts }) => Date.parse(ts));
  const began = history.filter(({ service, type }) => service === "db" && type === "instance.starting").map(({ ts }) => Date.parse(ts));
  expect(began).toHaveLength(4);
  for (const [n, minMs] of [20, 30, 90].entries()) expect((began[n + 1] ?? 0) - (ended[n] ?? 0)).toBeGreaterThanOrEqual(minMs - 2);
  expect(await stack.service("db")).toMatchObject({ state: "Failed", restarts: 3, message: "exit code 7" });

  stack.write("mended", "");
  await stack.ok("restart", "db");
  await stack.whenService("api", "to start", ({ ready }) => ready);
  expect((await stack.service("db")).state).toBe("Running");
});

test("readiness for resetAfter starts the count anew, and so does a restart by hand", async () => {
  const stack = rig.stack(`
    services:
      steady: { command: "exec sleep 0.6", restartPolicy: { maxRetries: 1, resetAfter: 50ms, backoff: { min: 1ms } } }
      handled: { command: "exec sleep 1000", restartPolicy: { maxRetries: 1, backoff: { min: 1ms } } }
  `);
  await stack.up();
  await stack.whenService("steady", "to have been started again more often than its retries allow", ({ restarts }) => restarts >= 3);
  for (const expected of [1, 3]) {
    process.kill(await stack.pid("handled"), "SIGKILL");
    await stack.whenService("handled", "to be back", ({ restarts, ready }) => restarts === expected && ready);
    await stack.ok("restart", "handled");
  }
  process.kill(await stack.pid("handled"), "SIGKILL");
  await stack.whenService("handled", "to be back a third time", ({ restarts, ready }) => restarts === 5 && ready);
  process.kill(await stack.pid("handled"), "SIGKILL");
  expect(await stack.whenService("handled", "to give up", (service) => service.state === "Failed" && service)).toMatchObject({
    message: "killed by SIGKILL",
    instances: [{ reason: "retries_exhausted", exit: { signal: "SIGKILL" } }],
  });
});

test("an unready service is restarted, or with onUnready none only reported", async () => {
  const service = (onUnready: string): string => `
        command: "touch $ORCO_SERVICE.ok; exec sleep 1000"
        restartPolicy: { backoff: { min: 10ms } }
        health: { interval: 50ms, timeout: 10s, onUnready: ${onUnready}, command: { command: [sh, -c, "test -e $ORCO_SERVICE.ok"] } }`;
  const stack = rig.stack(`
    services:
      again:${service("restart").replaceAll("$", "$$")}
      watched:${service("none").replaceAll("$", "$$")}
  `);
  for (const name of ["again", "watched"]) stack.write(`${name}.ok`, "");
  await stack.up();
  const before = await stack.pids();
  await Promise.all(["again", "watched"].map((name) => Bun.file(`${stack.dir}/${name}.ok`).delete()));
  await stack.whenService("again", "to be restarted", ({ restarts, ready }) => restarts > 0 && ready);
  await stack.whenService("watched", "to be unready", ({ ready }) => !ready);
  const after = await stack.pids();
  expect(after["watched/0"]).toBe(before["watched/0"] as number);
  expect(after["again/0"]).not.toBe(before["again/0"] as number);
  const reasons = (await stack.history()).filter(({ service: name }) => name === "again").map(({ type, reason }) => `${type} ${reason}`);
  expect(reasons).toContain("instance.unready probe_unready");
  expect(reasons).toContain("instance.stopping probe_unready");
});

test("what ends at once again and again under always is a crash loop, whatever its code", async () => {
  const stack = rig.stack(`
    services:
      loop: { command: "exit 0", restartPolicy: { maxRetries: 2, backoff: { min: 1ms } } }
  `);
  await stack.ok("up", "-d");
  expect(await stack.whenService("loop", "to fail", (service) => service.state === "Failed" && service)).toMatchObject({
    restarts: 2,
    instances: [{ reason: "retries_exhausted" }],
  });
});

scenario("a daemon crash gives no free retries: the counter and the time of the next start live on", async (own) => {
  const stack = own.stack(`
    services:
      crashing: { command: "exit 1", restartPolicy: { maxRetries: 2, backoff: { min: 1500ms, factor: 1 } } }
  `);
  await stack.ok("up", "-d");
  const pending = await stack.event("the first backoff", ({ type }) => type === "instance.pending");
  await own.killDaemon();
  await own.serve();
  const starts = async (): Promise<number[]> =>
    (await stack.history()).filter(({ type }) => type === "instance.starting").map(({ ts }) => Date.parse(ts));
  await stack.whenService("crashing", "to start a second time", ({ restarts }) => restarts === 1);
  const [, second = 0] = await starts();
  expect(second - Date.parse(pending.ts)).toBeGreaterThanOrEqual(1450);
  await stack.event("the second backoff", ({ type, ["restarts"]: restarts }) => type === "instance.pending" && restarts === 1);
  await own.killDaemon();
  await own.serve();
  await stack.whenService("crashing", "to fail", ({ state }) => state === "Failed");
  expect(await starts()).toHaveLength(3);
});

scenario("an unready service whose stop a daemon crash interrupts is stopped, and its retry counts", async (own) => {
  const stack = own.stack(`
    services:
      one:
        command: "trap '' TERM; touch trapped; while :; do sleep 0.02; done"
        stop: { timeout: 5s }
        restartPolicy: { maxRetries: 0 }
        health: { interval: 20ms, timeout: 10s, failureThreshold: 2, command: { command: [test, -e, up] } }
  `);
  stack.write("up", "");
  await stack.up();
  await until("it to be deaf", () => Bun.file(`${stack.dir}/trapped`).exists());
  await Bun.file(`${stack.dir}/up`).delete();
  await stack.whenService("one", "to be stopping", ({ state }) => state === "Stopping");
  await own.killDaemon();
  await own.serve();
  const one = await stack.whenService(
    "one",
    "to come to rest",
    (service) => (service.state === "Failed" || service.restarts > 0) && service,
  );
  expect(one).toMatchObject({ state: "Failed", restarts: 0, instances: [{ reason: "retries_exhausted" }] });
});
