import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../../test/until.ts";
import { FakeClock } from "../../kernel/clock.ts";
import { Journal } from "../../kernel/journal.ts";
import { NO_METER } from "../meter.ts";
import type { NewPool } from "../service.ts";
import { BookEngines, IdleWork } from "./registry.fake.ts";
import { Pools } from "./registry.ts";
import { PoolRequests } from "./requests.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function rig() {
  const dir = mkdtempSync(join(tmpdir(), "orco-pools-"));
  const clock = new FakeClock();
  const journal = Journal.open({ path: join(dir, "orco.db"), clock });
  const [engines, work, errors] = [new BookEngines(), new IdleWork(), [] as unknown[]];
  const pools = new Pools({ clock, adapters: () => engines, work, meter: NO_METER });
  const reloads: PromiseWithResolvers<void>[] = [];
  const reloadServices = (): Promise<void> => {
    const reload = Promise.withResolvers<void>();
    reloads.push(reload);
    return reload.promise;
  };
  const begun: unknown[] = [];
  let became = (): Promise<void> => Promise.resolve();
  const open = () =>
    new PoolRequests({
      pools,
      journal,
      clock,
      work,
      reloadServices,
      reloadedServices: (reload) => (begun.push(reload), became()),
      adapters: () => engines,
      env: {},
      onError: (error) => errors.push(error),
    });
  closing.push(() => {
    pools.close();
    journal.close();
    rmSync(dir, { recursive: true });
  });
  const told = (pool: string): string[] => journal.read({ topic: `pool/${pool}` }).map(({ type }) => type);
  const settles = (how: () => Promise<void>): void => void (became = how);
  return { clock, journal, engines, work, pools, reloads, errors, told, open, begun, settles, requests: open() };
}

function pool(url: string, models: readonly string[]): NewPool {
  return { id: "p", engine: "mock", models, replicas: [{ id: "a", url }] };
}

const [OLD, NEW] = ["http://10.0.0.1:1", "http://10.0.0.1:2"];

test("a pool that is changed while it is reloaded stays as it was changed: the engines that were asked are others", async () => {
  const { clock, engines, requests, told, pools } = rig();
  engines.says.set(OLD, { props: { models: ["chain", "fresh"] } });
  engines.says.set(NEW, { props: { models: ["other"] } });
  await requests.put(pool(OLD, ["chain"]));
  await Promise.all([requests.reload("p", "fresh"), requests.put(pool(NEW, ["other"]))]);
  await until("the reload is over", () => told("p").some((type) => /^pool\.reload(?:ed|_failed)$/.test(type)));
  await clock.advance(0);
  expect(told("p").at(-1)).toBe("pool.reload_failed");
  expect(requests.get("p")).toMatchObject({ ready: true, models: ["other"], last_error: expect.stringContaining("changed meanwhile") });
  expect(pools.get("p")?.replicas[0]?.endpoint.url).toBe(NEW);
});

test("a reload of a stack's engines leaves alone a pool that the API registered meanwhile under that id, and one that has gone", async () => {
  const { engines, requests, reloads, told, pools, errors } = rig();
  engines.says.set(NEW, { props: { models: ["other"] } });
  pools.replace("stack", "s/llm", [{ id: "p", engine: "mock", models: ["chain"], replicas: [] }]);
  await requests.reload("p", "fresh");
  await requests.put(pool(NEW, ["other"]));
  reloads[0]?.resolve();
  await until("the reload is over", () => told("p").includes("pool.reload_failed"));
  expect(requests.get("p")).toMatchObject({ source: "api", models: ["other"] });
  await requests.remove("p");
  await requests.reload("p", "fresh");
  pools.replace("stack", "s/llm", []);
  pools.replace("node", "n", [{ id: "p", engine: "mock", models: ["theirs"], replicas: [] }]);
  reloads[1]?.resolve();
  await until("the id is free for another reload", () =>
    requests.reload("p", "x").then(
      () => true,
      () => undefined,
    ),
  );
  expect(requests.get("p").last_error).toBeUndefined();
  expect(errors).toEqual([]);
});

test("a reload that a daemon did not see the end of is told by the next one, and by no other after it", async () => {
  const { requests, pools, told, open, begun, settles, clock, errors } = rig();
  for (const id of ["p", "q"]) pools.replace("stack", `s/${id}`, [{ id, engine: "mock", models: ["chain"], replicas: [] }]);
  for (const id of ["p", "q", "p"]) await requests.reload(id, "fresh").catch(() => undefined);
  settles(() => Promise.reject(new Error("update of llm failed: exit 3; the former version was restored")));
  const next = open();
  next.load();
  expect(await next.reload("p", "other").catch((error: unknown) => String(error))).toContain("being reloaded already");
  const at = clock.now();
  expect(begun).toEqual(["p", "q"].map((id) => ({ pool: id, model: "fresh", at })));
  await until("both are told", () => told("p").at(-1) === "pool.reload_failed" && told("q").at(-1) === "pool.reload_failed");
  expect(next.health("p").last_error).toBe(
    "reload of fresh failed, the former model is served on: update of llm failed: exit 3; the former version was restored",
  );
  settles(() => Promise.resolve());
  await until("the id is free for another reload", () => next.reload("p", "x").then(() => true, () => undefined)); // prettier-ignore
  const last = open();
  last.load();
  await until("it is told", () => told("p").at(-1) === "pool.reloaded");
  expect(last.health("p").last_error).toBeNull();
  expect(begun).toHaveLength(3);
  expect(errors).toEqual([]);
});

test("a pool that is registered while a former reload of its id is seen through stays as it was registered", async () => {
  const { requests, pools, told, open, settles, engines, errors } = rig();
  engines.says.set(NEW, { props: { models: ["other"] } });
  pools.replace("stack", "s/llm", [{ id: "p", engine: "mock", models: ["chain"], replicas: [] }]);
  await requests.reload("p", "fresh");
  const update = Promise.withResolvers<void>();
  settles(() => update.promise);
  const next = open();
  next.load();
  await next.put(pool(NEW, ["other"]));
  update.resolve();
  await until("it is told", () => told("p").at(-1) === "pool.reload_failed");
  expect(next.health("p").last_error).toContain("the pool was changed meanwhile");
  expect([next.get("p").models, errors]).toEqual([["other"], []]);
});

test("a reload of engines of somebody else that a daemon did not see the end of has changed nothing", async () => {
  const { requests, engines, journal, told, open, begun } = rig();
  engines.says.set(OLD, { props: { models: ["chain", "fresh"] } });
  await requests.put(pool(OLD, ["chain"]));
  await journal.append([{ topic: "pool/p", type: "pool.reloading", data: { pool: "p", model: "fresh" } }]);
  const next = open();
  next.load();
  await until("it is told", () => told("p").at(-1) === "pool.reload_failed");
  expect(next.health("p").last_error).toContain("the daemon ended before its engines had been asked");
  expect([next.get("p").models, begun]).toEqual([["chain"], []]);
});

test("a pool that is removed before its engines have answered was registered all the same", async () => {
  const { clock, engines, requests } = rig();
  engines.silent.add(OLD);
  for (const register of [() => requests.create(pool(OLD, ["chain"])), async () => (await requests.put(pool(OLD, ["chain"]))).pool]) {
    const registered = register();
    await until("it is there", () => requests.list().length === 1);
    await requests.remove("p");
    await clock.advance(1000);
    expect(await registered).toMatchObject({ id: "p", ready: false });
    expect(requests.list()).toEqual([]);
  }
  expect(clock.pendingTimers).toBe(0);
});

test("a drain of a pool whose node left at that moment does not end the tasks of the one that comes back", async () => {
  const { clock, requests, work, pools } = rig();
  const claim = { id: "p", engine: "mock" as const, models: ["chain"], replicas: [] };
  pools.replace("node", "n", [claim]);
  const draining = requests.drain("p", 5000);
  // Now it is being written.
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  pools.replace("node", "n", []);
  pools.replace("node", "n", [claim]);
  await draining;
  await clock.advance(4000);
  expect(pools.get("p")?.draining).toBe(true);
  pools.replace("node", "n", []);
  pools.replace("node", "n", [claim]);
  await clock.advance(4000);
  expect(work.told).not.toContain("expire p");
  expect(clock.pendingTimers).toBe(0);
});

test("a row that this daemon cannot make a pool of does not keep it from starting", async () => {
  const { journal, requests, open, pools, errors } = rig();
  await requests.put(pool(OLD, ["chain"]));
  const insert = "INSERT INTO inference_pools (id, row) VALUES (?, ?)";
  const newer = { pool: { id: "newer", engine: "of a newer orco", replicas: [] } };
  await journal.append([], [{ sql: insert, params: ["newer", JSON.stringify(newer)] }]);
  await journal.append([], [{ sql: insert, params: ["bad", "{"] }]);
  pools.replace("api", "p", []);
  const again = open();
  again.load();
  expect(again.list().map(({ id }) => id)).toEqual(["p"]);
  expect(errors.map(String)).toEqual([expect.stringContaining("bad"), expect.stringContaining("newer")]);
});
