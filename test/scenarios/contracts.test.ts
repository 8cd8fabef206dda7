import { expect, test } from "bun:test";
import type { EventView } from "../../src/client/wire.ts";
import type { StackView } from "../../src/stack/view.ts";
import { until } from "../until.ts";
import { sharedRig } from "./rig.ts";
import { jsonLines } from "./stack-under-test.ts";

/** What programs may rely on (stack.md, CLI and Status). */
const rig = sharedRig();
const TYPE = { string: expect.any(String), number: expect.any(Number) };

const body = `
    services:
      db: { command: "exec sleep 1000", ports: ["5432"] }
      once: { command: "exit 0", restartPolicy: { condition: never } }
      bad: { command: "exit 9", restartPolicy: { condition: never } }
`;

const ALIVE = { pid: TYPE.number, address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) };

/** A service of one instance, with every key the contract names and no other. */
function serviceOf(service: string, own: { state: string; message: unknown }, instance: object) {
  const { state, message } = own;
  const ready = state === "Running";
  const count = ready ? 1 : 0;
  const both = { state, ready, restarts: 0, age_ms: TYPE.number };
  const one = { ...both, id: TYPE.string, replica: 0, config: expect.stringMatching(/^[0-9a-f]{12}$/), version: "new" };
  return { service, ...both, message, replicas: { ready: count, live: count, desired: 1 }, instances: [{ ...one, ...instance }] };
}

test("status --json", async () => {
  const stack = rig.stack(body);
  await stack.ok("up", "-d");
  await stack.when("rest", ({ services }) => services.map(({ state }) => state).join() === "Running,Stopped,Failed");
  const view: unknown = JSON.parse(await stack.ok("status", "--json"));
  expect(view).toEqual({
    stack: stack.name,
    file: `${stack.dir}/stack.yaml`,
    services: [
      serviceOf("db", { state: "Running", message: TYPE.string }, { ...ALIVE, reason: "initial_start" }),
      serviceOf("once", { state: "Stopped", message: "completed" }, { reason: "completed", exit: { code: 0, reason: "exited" } }),
      serviceOf("bad", { state: "Failed", message: "exit code 9" }, { reason: "instance_crash", exit: { code: 9, reason: "exited" } }),
    ],
  });
});

test("status prints the table, to the letter", async () => {
  const stack = rig.stack(body);
  await stack.ok("up", "-d");
  await stack.when("rest", ({ services }) => services.map(({ state }) => state).join() === "Running,Stopped,Failed");
  const lines = (await stack.ok("status")).split("\n");
  expect(lines[0]).toMatch(/^SERVICE  STATE    READY  REPL  RESTARTS  AGE +MESSAGE$/);
  expect(lines[1]).toMatch(/^db       Running  true   1\/1   0         \d+m?s/);
  expect(lines[2]).toMatch(/^once     Stopped  false  0\/1   0         \d+m?s +completed$/);
  expect(lines[3]).toMatch(/^bad      Failed   false  0\/1   0         \d+m?s +exit code 9$/);
  expect((await stack.ok("status", "--wide")).split("\n")[0]).toMatch(/AGE +CPU +MEM +MESSAGE$/);
});

test("status --watch --json prints one object per change and nothing in between", async () => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000" } }`);
  await stack.up();
  const watching = stack.start("status", "--watch", "--json");
  await until("the first view", () => watching.out().includes("\n"));
  await stack.ok("stop", "one");
  await until("the stop", () => watching.out().includes('"state":"Stopped"'));
  watching.kill("SIGINT");
  const views = jsonLines<StackView>((await watching.ended).out);
  expect(views[0]?.services[0]?.state).toBe("Running");
  expect(views.at(-1)?.services[0]?.state).toBe("Stopped");
});

test("events --json, past and followed", async () => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000" } }`);
  await stack.up();
  const following = stack.start("events", "--follow", "--json");
  await until("past events", () => following.out().includes("instance.running"));
  await stack.ok("restart", "one");
  await until("coming events", () => following.out().split("instance.running").length === 3);
  following.kill("SIGINT");
  const followed = jsonLines<EventView>((await following.ended).out);
  const past = jsonLines<EventView>(await stack.ok("events", "--json"));
  expect(past.slice(0, followed.length)).toEqual(followed);
  expect(past.map(({ seq }) => seq)).toEqual(past.map(({ seq }) => seq).toSorted((a, b) => a - b));
  const running = past.find(({ type }) => type === "instance.running");
  for (const event of past)
    expect(event).toMatchObject({ seq: TYPE.number, ts: expect.stringMatching(/Z$/), type: TYPE.string, stack: stack.name });
  expect(running).toMatchObject({
    service: "one",
    replica: 0,
    reason: "initial_start",
    from: "Starting",
    state: "Running",
    pid: TYPE.number,
  });
});

test("a change is a run, and its view tells how it went", async () => {
  const stack = rig.stack(body);
  const { code, out } = await stack.orco("up", "-d", "--wait", "--json");
  expect(code).toBe(1);
  const failed = JSON.parse(out) as Record<string, unknown>;
  expect(failed).toMatchObject({
    id: TYPE.string,
    kind: "apply",
    status: "failed",
    stack: stack.name,
    error: { code: "blocked", message: expect.stringContaining("bad failed") },
  });
  const restarted = JSON.parse(await stack.ok("restart", "db", "--json")) as Record<string, unknown>;
  expect(restarted).toMatchObject({ kind: "restart", status: "completed", stack: stack.name, service: "db" });
  const [newest] = (await rig.client.runs({ stack: stack.name })).runs;
  expect(newest).toMatchObject({ kind: "restart", service: "db", status: "completed" });
});
