import { expect, test } from "bun:test";
import { boundsOf } from "./bounds.ts";
import { scenario, sharedRig } from "./rig.ts";

const rig = sharedRig();

const web = (version: string, more = ""): string => `
    services:
      db: { command: "exec sleep 1000" }
      web:
        command: "echo ${version}; exec sleep 1000"
        replicas: 3
        ports: ["8080"]
        dependsOn: [db]
        health: { interval: 200ms, gracePeriod: 2s, log: { pattern: good } }
        restartPolicy: { backoff: { min: 10ms } }
        update: { strategy: rolling${more} }
`;

for (const [title, more, least, most] of [
  ["one more at a time", "", 3, 4],
  ["one fewer at a time", ", maxSurge: 0, maxUnavailable: 1", 2, 3],
  ["shares of the replicas", ", maxSurge: 50%, maxUnavailable: 50%", 2, 5],
] as const) {
  test(`rolling, ${title}: ${least} ready and ${most} in all are the bounds at every transition`, async () => {
    const stack = rig.stack(web("good 1", more));
    await stack.up();
    const before = await stack.pids();
    const since = (await stack.history()).at(-1)?.seq ?? 0;
    stack.edit(web("good 2", more));
    await stack.ok("apply");
    const after = await stack.pids();
    expect(after["db/0"]).toBe(before["db/0"] as number);
    for (const replica of ["web/0", "web/1", "web/2"]) expect(after[replica]).not.toBe(before[replica] as number);
    const { leastReady, mostLive } = boundsOf(await stack.history(), "web", since);
    expect({ leastReady, mostLive: mostLive <= most }).toEqual({ leastReady: Math.max(least, leastReady), mostLive: true });
    expect((await stack.service("web")).instances.map(({ replica, version }) => `${replica} ${version}`)).toEqual([
      "0 new",
      "1 new",
      "2 new",
    ]);
  });
}

test("a version that does not become ready is rolled back, naming probe, last output and last lines; the bounds hold on the way back", async () => {
  const stack = rig.stack(web("good 1"));
  await stack.up();
  const before = await stack.pids();
  const since = (await stack.history()).at(-1)?.seq ?? 0;
  stack.edit(web("bad 2"));
  const said = await stack.orco("apply");
  expect(said.code).toBe(1);
  expect(said.err).toContain('update of web failed: web/0 probe_unready: probe failing: log has no "good" yet');
  expect(said.err).toContain("the former version was restored");
  expect(said.err).toMatch(/last lines of its log:\n\s+bad 2/);
  expect(await stack.pids()).toEqual(before);
  const { leastReady, mostLive } = boundsOf(await stack.history(), "web", since);
  expect(leastReady).toBeGreaterThanOrEqual(3);
  expect(mostLive).toBeLessThanOrEqual(4);
  expect(await stack.service("web")).toMatchObject({ ready: true, replicas: { ready: 3, live: 3, desired: 3 } });
  stack.edit(web("good 1"));
  expect((await stack.orco("apply")).err).toContain("nothing to change");
});

test("a rollback shows the last 20 lines only", async () => {
  const stack = rig.stack(
    `services: { one: { command: "echo good; exec sleep 1000", health: { log: { pattern: good } }, update: { strategy: recreate } } }`,
  );
  await stack.up();
  stack.edit(`services: { one: { command: "seq 1 50; exit 3", health: { log: { pattern: good } }, update: { strategy: recreate } } }`);
  const said = await stack.orco("apply");
  expect(said.code).toBe(1);
  const shown = said.err
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^\d+$/.test(line));
  expect(shown.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, at) => String(at + 31)));
  await stack.whenService("one", "to be back", ({ ready }) => ready);
  expect((await stack.lines("one")).filter((line) => line === "good")).toHaveLength(2);
});

test("the lines shown are those of the instance that failed, however much the one it was to replace says meanwhile", async () => {
  const body = (command: string): string => `
    services: { one: { command: "${command}", health: { interval: 50ms, gracePeriod: 30s, log: { pattern: good } } } }
  `;
  const stack = rig.stack(body("echo good; while :; do echo noise; sleep 0.01; done"));
  await stack.up();
  stack.edit(body("echo no such table; sleep 0.5; exit 3"));
  const said = await stack.orco("apply");
  expect(said.code).toBe(1);
  expect(said.err).toMatch(/last lines of its log:\n\s+no such table/);
  expect(said.err).not.toContain("noise");
});

test("with autoRollback off the new version stays as it is", async () => {
  const stack = rig.stack(web("good 1", ", autoRollback: false"));
  await stack.up();
  stack.edit(web("bad 2", ", autoRollback: false"));
  const said = await stack.orco("apply");
  expect(said.code).toBe(1);
  expect(said.err).toContain("autoRollback is off");
  expect((await stack.service("web")).instances.some(({ version, ready }) => version === "old" && ready)).toBe(true);
});

test("the observation window counts: an instance that fails within it undoes the update", async () => {
  const body = (command: string): string => `
    services:
      one:
        command: "${command}"
        restartPolicy: { backoff: { min: 10ms } }
        update: { strategy: rolling, observationWindow: 3s }
  `;
  const stack = rig.stack(body("exec sleep 1000"));
  await stack.up();
  const pid = await stack.pid("one");
  stack.edit(body("sleep 0.1; exit 9"));
  const said = await stack.orco("apply");
  expect(said).toMatchObject({ code: 1, err: expect.stringContaining("exit code 9") });
  expect(await stack.pid("one")).toBe(pid);
});

test("recreate stops all, then starts all", async () => {
  const body = (seconds: number): string =>
    `services: { one: { command: "exec sleep ${seconds}", replicas: ${seconds - 998}, update: { strategy: recreate } } }`;
  const stack = rig.stack(body(1000));
  await stack.up();
  const since = (await stack.history()).at(-1)?.seq ?? 0;
  stack.edit(body(1001));
  await stack.ok("apply");
  const types = (await stack.history()).filter(({ seq, service }) => seq > since && service === "one").map(({ type }) => type);
  expect(types.lastIndexOf("instance.removed")).toBeLessThan(types.indexOf("instance.created"));
  expect(boundsOf(await stack.history(), "one", since)).toMatchObject({ mostLive: 3 });
});

test("meanwhile a second apply is refused with the run, waits with --queue, and a scale or restart waits", async () => {
  const stack = rig.stack(web("good 1"));
  await stack.up();
  const slow = web("$$(while [ ! -e go ]; do sleep 0.01; done) good 2").replace("gracePeriod: 2s", "gracePeriod: 60s");
  stack.edit(slow);
  const first = stack.start("apply");
  await stack.event("the update", ({ type, reason }) => type === "instance.running" && reason === "config_changed");
  expect((await stack.service("web")).update).toMatchObject({ strategy: "rolling", phase: "updating" });
  const [run] = (await rig.client.runs({ stack: stack.name })).runs;
  const refused = await stack.orco("apply");
  expect(refused.code).toBe(5);
  expect(refused.err).toContain(run?.id ?? "no run");
  const queued = stack.start("apply", "--queue");
  const restarted = stack.start("restart", "db");
  stack.write("go", "");
  expect((await first.ended).code).toBe(0);
  expect(await queued.ended).toMatchObject({ code: 0, err: expect.stringContaining("nothing to change") });
  expect((await restarted.ended).code).toBe(0);
});

scenario("a daemon killed in mid-update: the run goes on by itself, and nothing is done twice", async (own) => {
  const stack = own.stack(web("good 1"));
  await stack.up();
  const before = await stack.pids();
  const since = (await stack.history()).at(-1)?.seq ?? 0;
  stack.edit(
    web("good 2").replace(
      "gracePeriod: 2s, log: { pattern: good }",
      "log: { pattern: good }, command: { command: [test, -e, go] }, gracePeriod: 60s",
    ),
  );
  await stack.ok("apply", "-d");
  await stack.event("the first new instance", ({ type, reason }) => type === "instance.running" && reason === "config_changed");
  const [run] = (await own.client.runs({ stack: stack.name })).runs;
  await own.killDaemon();
  stack.write("go", "");
  await own.serve();
  expect(await own.client.waitRun(run?.id ?? "")).toMatchObject({ status: "completed" });
  const after = await stack.pids();
  expect(after["db/0"]).toBe(before["db/0"] as number);
  expect(Object.keys(after)).toEqual(["db/0", "web/0", "web/1", "web/2"]);
  const { leastReady, mostLive } = boundsOf(await stack.history(), "web", since);
  expect([leastReady, mostLive]).toEqual([3, 4]);
  expect((await stack.transitions("web")).filter((line) => line === "web starting")).toHaveLength(6);
});
