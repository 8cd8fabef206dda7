import { afterAll, beforeEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import type { ServiceView } from "../../src/stack/view.ts";
import { sharedRig } from "./rig.ts";
import type { StackUnderTest } from "./stack-under-test.ts";

const rig = sharedRig();
const DEPENDENTS = 30;
const FLAPS = 6;

/** Answers for the database and, as their health hangs on it, for all who use it. */
const database = { up: true };
const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("", { status: database.up ? 200 : 503 }) });
afterAll(() => server.stop(true));
beforeEach(() => {
  database.up = true;
});

const probe = `{ http: { url: "http://127.0.0.1:${server.port}/" }, interval: 100ms, timeout: 5s, failureThreshold: 1`;
const names = Array.from({ length: DEPENDENTS }, (_, n) => `web-${n}`);

const dependents = (rest: string): string => names.map((name) => `      ${name}: { dependsOn: [db], ${rest} }`).join("\n");

/** Down and up again, each seen before the next. */
async function flap(stack: StackUnderTest, whenDown: () => Promise<unknown> = async () => undefined): Promise<void> {
  for (let n = 0; n < FLAPS; n++) {
    database.up = false;
    await stack.whenService("db", "to be unready", ({ ready }) => !ready);
    await whenDown();
    database.up = true;
    await stack.whenService("db", "to be ready", ({ ready }) => ready);
  }
}

const isSettled = ({ service, ready }: ServiceView): boolean => service === "db" || ready;

test("thirty services behind a flapping db are not restarted for it, and status says why they are not what they were", async () => {
  const stack = rig.stack(`
    services:
      db: { command: "exec sleep 1000", health: ${probe}, onUnready: none } }
${dependents(`command: "exec sleep 1000", health: ${probe} }, restartPolicy: { maxRetries: 1, backoff: { min: 10ms } }`)}
  `);
  await stack.up();
  const before = await stack.pids();
  await flap(stack, () => stack.when("all to be unready", ({ services }) => services.every(({ ready }) => !ready)));
  const seen = await stack.when("all to be ready again", (view) => view.services.every(({ ready }) => ready) && view);
  expect(await stack.pids()).toEqual(before);
  expect(seen.services.map(({ restarts }) => restarts)).toEqual(Array(DEPENDENTS + 1).fill(0));
  const [db, web] = seen.services;
  expect(db).toMatchObject({ degraded: `flapping: ${FLAPS} times unready in the last minute` });
  expect(web?.message).toContain(`db flapping: ${FLAPS} times unready in the last minute`);
  database.up = false;
  // Its own state changes a moment before it is counted.
  const wanted = `db unready (flapping: ${FLAPS + 1} times unready in the last minute)`;
  await stack.whenService("web-0", "to be degraded", ({ degraded }) => degraded === wanted);
  database.up = true;
  await stack.ok("down", "--force");
});

test("one that fails its probes for reasons of its own is restarted when what it needs is back", async () => {
  const stack = rig.stack(`
    services:
      db: { command: "exec sleep 1000", health: ${probe}, onUnready: none } }
      web:
        dependsOn: [db]
        command: "touch good; exec sleep 1000"
        health: { command: "test -f good", interval: 100ms, timeout: 10s, failureThreshold: 1 }
        restartPolicy: { backoff: { min: 10ms } }
  `);
  await stack.up();
  // A busy machine may ask it before it has touched anything.
  const { restarts: before } = await stack.service("web");
  database.up = false;
  await stack.whenService("db", "to be unready", ({ ready }) => !ready);
  rmSync(`${stack.dir}/good`);
  const { instances } = await stack.whenService("web", "to be unready", (view) => !view.ready && view);
  expect(instances).toMatchObject([{ state: "Running", restarts: before, reason: "probe_unready" }]);
  database.up = true;
  await stack.whenService("web", "to be started anew", ({ ready, restarts }) => ready && restarts > before);
  await stack.ok("down");
});

test("thirty that die with their db come back once it stays, with all their retries", async () => {
  const stack = rig.stack(`
    services:
      db: { command: "exec sleep 1000", health: ${probe}, onUnready: none } }
${dependents(`command: "while test -f db; do sleep 0.1; done; exit 1", restartPolicy: { maxRetries: 2, backoff: { min: 10ms } }`)}
  `);
  stack.write("db", "");
  await stack.up();
  await flap(stack, async () => {
    rmSync(`${stack.dir}/db`);
    await stack.when("all of them to be gone", ({ services }) =>
      services.every(({ service, replicas }) => service === "db" || replicas.live === 0),
    );
    stack.write("db", "");
  });
  await stack.when("all to be up again", ({ services }) => services.every(isSettled));
  const starts = (await stack.transitions(...names)).filter((line) => line.endsWith(" starting"));
  // Undamped they would follow each of its turns: (1 + FLAPS) × DEPENDENTS. From the third on they wait until it stays.
  expect(starts.length).toBeLessThanOrEqual(4 * DEPENDENTS);
  const { services } = await stack.view();
  expect(services.filter(({ state }) => state !== "Running").map(({ service }) => service)).toEqual([]);
  await stack.ok("down", "--force");
});

test("a stack has a budget of restarts; what is used up is told once, and all get their turn", async () => {
  const stack = rig.stack(`
    services:
${names.map((name) => `      ${name}: { command: "exit 1", restartPolicy: { maxRetries: -1, backoff: { min: 10ms, max: 10ms } } }`).join("\n")}
  `);
  await stack.ok("up", "-d");
  const { seq } = await stack.event("the budget to be used up", ({ type }) => type === "stack.restart_budget_exhausted");
  expect(seq).toBeGreaterThan(0);
  const told = (await stack.history()).filter(({ type }) => type === "stack.restart_budget_exhausted");
  expect(told).toMatchObject([{ restarts: 2 * DEPENDENTS, window_ms: 10_000 }]);
  const waiting = await stack.when("one to wait for the budget", ({ services }) =>
    services.find(({ message }) => message.includes("budget")),
  );
  expect(waiting.message).toBe("waiting: the stack has used up its budget of restarts");
  const restarts = (await stack.view()).services.reduce((sum, service) => sum + service.restarts, 0);
  expect(restarts).toBeLessThanOrEqual(2 * 2 * DEPENDENTS);
  await stack.ok("down", "--force");
});
