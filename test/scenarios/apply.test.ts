import { expect, test } from "bun:test";
import type { PlanView } from "../../src/stack/view.ts";
import { sharedRig } from "./rig.ts";

const rig = sharedRig({ KEY: "plan-canary-5551" });

const body = ({ api = "1000", db = "1000", extra = "" }: { api?: string; db?: string; extra?: string } = {}): string => `
    services:
      db: { command: "exec sleep ${db}" }
      api: { command: "exec sleep ${api}", dependsOn: [db], env: { MODE: m${api} } }
      other: { command: "exec sleep 1000" }${extra}
`;

test("a plan names what is added, removed, changed by field, and left alone; it moves nothing", async () => {
  const stack = rig.stack(body());
  await stack.up();
  const before = await stack.pids();
  stack.edit(body({ api: "1001", extra: `\n      more: { command: "exec sleep 1000", env: { TOKEN: x } }` }).replace(/ {6}other.*\n/, ""));
  const plan = JSON.parse(await stack.ok("apply", "--dry-run", "--json")) as PlanView;
  expect(plan).toMatchObject({ stack: stack.name, changes: 3 });
  expect(plan.warnings).toEqual([]);
  const byName = Object.fromEntries(plan.services.map((service) => [service.service, service]));
  expect(Object.fromEntries(Object.entries(byName).map(([name, { action }]) => [name, action]))).toEqual({
    db: "unchanged",
    api: "change",
    other: "remove",
    more: "add",
  });
  expect(byName["api"]?.fields.map(({ path }) => path).toSorted()).toEqual([expect.stringMatching(/^command/), "env.MODE"]);
  expect(byName["api"]?.fields.find(({ path }) => path === "env.MODE")).toMatchObject({ from: "m1000", to: "m1001" });
  const text = await stack.ok("apply", "--dry-run");
  for (const part of ["api", "env.MODE", "m1000", "m1001", "more", "other"]) expect(text).toContain(part);
  expect(await stack.pids()).toEqual(before);
});

test("only what changed moves, and a second apply says that there is nothing to do and does nothing", async () => {
  const stack = rig.stack(body());
  await stack.up();
  const before = await stack.pids();
  stack.edit(body({ api: "1001", extra: `\n      more: { command: "exec sleep 1000" }` }));
  await stack.ok("apply");
  const after = await stack.pids();
  expect({ db: after["db/0"], other: after["other/0"] }).toEqual({ db: before["db/0"], other: before["other/0"] });
  expect(after["api/0"]).not.toBe(before["api/0"] as number);
  expect(after["more/0"]).toBeNumber();
  const head = (await stack.history()).filter(({ service }) => service !== undefined).length;
  expect(await stack.orco("apply")).toMatchObject({ code: 0, err: expect.stringContaining("nothing to change") });
  expect(await stack.ok("apply", "--dry-run")).toMatch(/nothing|no change|unchanged/i);
  expect((await stack.history()).filter(({ service }) => service !== undefined)).toHaveLength(head);
  expect(await stack.pids()).toEqual(after);
});

test("changes go in the order of the graph; what is removed goes first", async () => {
  const stack = rig.stack(body());
  await stack.up();
  const since = (await stack.history()).at(-1)?.seq ?? 0;
  stack.edit(body({ api: "1001", db: "1001" }).replace(/ {6}other.*\n/, ""));
  await stack.ok("apply");
  const moved = (await stack.history())
    .filter(({ seq, service }) => seq > since && service !== undefined)
    .map(({ service, type }) => `${service} ${type}`);
  const at = (what: string): number => moved.indexOf(what);
  expect(at("other instance.removed")).toBeLessThan(at("db instance.created"));
  expect(at("db instance.running")).toBeLessThan(at("api instance.created"));
  expect(moved.lastIndexOf("db instance.removed")).toBeLessThan(moved.lastIndexOf("api instance.removed"));
  expect((await stack.view()).services.map(({ service }) => service)).toEqual(["db", "api"]);
});

test("replicas up and down move only the difference; the file's number stands again after an apply", async () => {
  const stack = rig.stack(`services: { jobs: { command: "exec sleep 1000", replicas: 2 } }`);
  await stack.up();
  const { "jobs/0": first, "jobs/1": second } = await stack.pids();
  await stack.ok("scale", "jobs=4");
  expect(Object.keys(await stack.pids())).toEqual(["jobs/0", "jobs/1", "jobs/2", "jobs/3"]);
  expect((await stack.service("jobs")).replicas).toEqual({ ready: 4, live: 4, desired: 4 });
  await stack.ok("scale", "jobs", "1");
  expect(await stack.pids()).toEqual({ "jobs/0": first });
  await stack.ok("scale", "jobs", "0");
  expect(await stack.pids()).toEqual({});
  await stack.ok("apply");
  expect(Object.keys(await stack.pids())).toEqual(["jobs/0", "jobs/1"]);
  expect([first, second]).not.toContain(await stack.pid("jobs"));
  expect((await stack.orco("scale", "jobs", "-3")).code).toBe(2);
  expect((await stack.orco("scale", "nobody", "2")).code).toBe(4);
});

test("a replica that was taken away stays away, also for the next daemon", async () => {
  const stack = rig.stack(`services: { jobs: { command: "exec sleep 1000" } }`);
  await stack.up();
  await stack.ok("scale", "jobs", "3");
  await stack.up();
  const pids = await stack.pids();
  expect(Object.keys(pids)).toEqual(["jobs/0"]);
  await rig.killDaemon();
  await rig.serve();
  expect(await stack.pids()).toEqual(pids);
  expect((await stack.service("jobs")).replicas).toEqual({ ready: 1, live: 1, desired: 1 });
});

test("a scale together with a change of the spec ends with the right number of the new version", async () => {
  const stack = rig.stack(`services: { jobs: { command: "exec sleep 1000", replicas: 3 } }`);
  await stack.up();
  stack.edit(`services: { jobs: { command: "exec sleep 1001", replicas: 2 } }`);
  await stack.ok("apply");
  const jobs = await stack.service("jobs");
  expect(jobs.instances.map(({ replica, version, ready }) => ({ replica, version, ready }))).toEqual(
    [0, 1].map((replica) => ({ replica, version: "new" as const, ready: true })),
  );
  stack.edit(`services: { jobs: { command: "exec sleep 1002", replicas: 4 } }`);
  await stack.ok("apply");
  expect((await stack.service("jobs")).replicas).toEqual({ ready: 4, live: 4, desired: 4 });
});

test("secrets never show in a plan, nor does a value that looks like one", async () => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000", secrets: { KEY: { env: KEY } } } }`);
  await stack.up();
  stack.edit(
    `services: { one: { command: "exec sleep 1001", secrets: { KEY: { env: KEY, as: file } }, env: { API_TOKEN: plain-canary-5552 } } }`,
  );
  const said = (await stack.ok("apply", "--dry-run")) + (await stack.ok("apply", "--dry-run", "--json"));
  expect(said).toContain("secrets");
  expect(said).not.toContain("canary");
});

test("a service renamed in the file while its stack is down, up and down again, leaves nothing behind", async () => {
  const stack = rig.stack(`services: { a: { command: "exec sleep 1000" } }`);
  await stack.up();
  await stack.ok("down");
  expect((await stack.orco("status")).code).toBe(4);
  stack.edit(`services: { b: { command: "exec sleep 1000" } }`);
  await stack.up();
  expect((await stack.view()).services.map(({ service }) => service)).toEqual(["b"]);
  expect(await stack.lines("b")).toEqual([]);
  await stack.ok("down");
});
