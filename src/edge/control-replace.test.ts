import { expect, test } from "bun:test";
import { freePort } from "../../test/free-port.ts";
import { until } from "../../test/until.ts";
import { EdgeRig, frontOf, targetOf } from "./control-fixture.ts";
import { startLoad } from "./control-load.ts";
import type { EdgeControl } from "./control.ts";

const UPGRADES = 5;

function httpFront(port: number, target: number) {
  return frontOf("app/a", port, [targetOf("t", target)], { listen: { address: "127.0.0.1", port, protocol: "http" } });
}

function onlyBuild(control: EdgeControl, build: string): boolean {
  const { workers } = control.status();
  return workers.length === 2 && workers.every((worker) => worker.build === build && worker.phase === "serving");
}

test("an upgrade replaces workers one by one and no connection is refused, reset or cut", async () => {
  await using rig = new EdgeRig();
  using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("ok") });
  const port = freePort();
  let control = rig.control({ build: "0" });
  await control.start();
  await control.put([httpFront(port, server.port ?? 0)]);
  const load = startLoad(port);
  for (let upgrade = 1; upgrade <= UPGRADES; upgrade++) {
    control.close();
    control = rig.control({ build: String(upgrade) });
    await control.start();
    await until("all of the new build", () => onlyBuild(control, String(upgrade)), 10_000);
  }
  await load.answered(100);
  const { ok = 0, ...failed } = await load.stop();
  expect(ok).toBeGreaterThan(100);
  expect(failed).toEqual({});
  const replaced = (await control.families()).find(({ name }) => name === "orco_edge_worker_replacements_total");
  expect(replaced?.samples).toEqual([{ labels: { reason: "another_build" }, value: 2 }]);
}, 60_000);

test("a request that is under way while its worker is replaced is answered whole", async () => {
  await using rig = new EdgeRig();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch() {
      asked.resolve();
      await answer.promise;
      return new Response("late but whole");
    },
  });
  const port = freePort();
  const first = rig.control({ build: "old", workers: 1 });
  await first.start();
  await first.put([httpFront(port, server.port ?? 0)]);
  const response = fetch(`http://127.0.0.1:${port}/`);
  await asked.promise;
  first.close();
  const second = rig.control({ build: "new", workers: 1 });
  await second.start();
  await until("the old one has left its listeners", () => second.status().workers.some(({ phase }) => phase === "left"));
  answer.resolve();
  expect(await (await response).text()).toBe("late but whole");
  await until("the old one is gone", () => second.status().workers.length === 1);
  expect(second.status().workers[0]?.build).toBe("new");
});

test("a worker that is told to go by SIGTERM is replaced, and no connection is refused, reset or cut", async () => {
  await using rig = new EdgeRig();
  using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("ok") });
  const port = freePort();
  const control = rig.control();
  await control.start();
  await control.put([httpFront(port, server.port ?? 0)]);
  const load = startLoad(port, 4);
  const first = control.status().workers[0]?.pid ?? 0;
  process.kill(first, "SIGTERM");
  await until("two others", () => control.status().workers.length === 2 && control.status().workers.every(({ pid }) => pid !== first));
  await load.answered(50);
  const { ok = 0, ...failed } = await load.stop();
  expect(ok).toBeGreaterThan(50);
  expect(failed).toEqual({});
});

test("a worker above its memory bound is replaced, and goes on without a daemon", async () => {
  await using rig = new EdgeRig();
  const control = rig.control({ workers: 1, memoryMib: 1 });
  await control.start();
  await control.put([frontOf("a", freePort(), [])]);
  const [before] = control.status().workers;
  await until("another process", () => control.status().workers.some(({ pid }) => pid !== before?.pid), 10_000);
  expect(rig.logged.join("\n")).toContain("above its memory bound");
  expect(JSON.stringify(await control.families())).toContain('{"labels":{"reason":"memory"},"value":1}');
}, 60_000);

test("a worker that does not acknowledge is killed and replaced", async () => {
  await using rig = new EdgeRig();
  const control = rig.control({ ackTimeoutMs: 500 });
  await control.start();
  await control.put([frontOf("a", freePort(), [])]);
  const stuck = control.status().workers[0]?.pid ?? 0;
  process.kill(stuck, "SIGSTOP");
  await control.put([frontOf("b", freePort(), [])]);
  expect(control.status().workers).toHaveLength(2);
  expect(rig.pids()).not.toContain(stuck);
}, 60_000);

test("a worker that is stuck when the daemon starts is killed by its record", async () => {
  await using rig = new EdgeRig();
  const first = rig.control({ workers: 1 });
  await first.start();
  await first.put([frontOf("a", freePort(), [])]);
  const stuck = first.status().workers[0]?.pid ?? 0;
  first.close();
  process.kill(stuck, "SIGSTOP");
  const second = rig.control({ workers: 1 });
  await second.start();
  await second.put([frontOf("b", freePort(), [])]);
  expect(second.status().workers.map(({ pid }) => pid)).not.toContain(stuck);
  expect(rig.pids()).not.toContain(stuck);
}, 60_000);

test("a worker that cannot start is told of, and nothing hangs", async () => {
  await using rig = new EdgeRig();
  const control = rig.control({ command: ["/bin/sh", "-c", "echo no such luck >&2; exit 1"] });
  await control.start();
  const put = control.put([frontOf("a", freePort(), [])]);
  expect(put).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("no such luck") });
  await Promise.allSettled([put]);
  expect(control.front("a")).toBeUndefined();
}, 60_000);
