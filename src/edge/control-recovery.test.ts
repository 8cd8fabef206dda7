import { expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { freePort } from "../../test/free-port.ts";
import { until } from "../../test/until.ts";
import { EdgeRig, frontOf, targetOf, WORKER_COMMAND } from "./control-fixture.ts";
import { requestOnce } from "./control-load.ts";
import { spawnWorker } from "./control-spawn.ts";
import type { Front } from "./route.ts";
import { tablePath } from "./table.ts";
import { workerSocket } from "./worker-paths.ts";

function okServer() {
  return Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("ok") });
}

function httpFront(port: number, target = 1, address = "127.0.0.1"): Front {
  return frontOf("app/a", port, [targetOf("a-1", target)], { listen: { address, port, protocol: "http" } });
}

test("a port that somebody took while no worker was there is told, and served once it is free", async () => {
  await using rig = new EdgeRig();
  using server = okServer();
  const front = httpFront(freePort(), server.port);
  const first = rig.control({ workers: 1 });
  await first.start();
  await first.put([front]);
  first.close();
  for (const pid of rig.pids()) process.kill(pid, "SIGKILL");
  const { port } = front.listen;
  const stranger = await until("the port", () => {
    try {
      return Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
    } catch {
      return undefined;
    }
  });
  const second = rig.control({ workers: 1 });
  await second.start();
  const refused = second.put([front]);
  expect(refused).rejects.toMatchObject({ code: "port_in_use" });
  await Promise.allSettled([refused]);
  expect(second.status().problems).toMatchObject([{ listener: `127.0.0.1:${port}`, code: "EADDRINUSE" }]);
  stranger.stop(true);
  await second.put([front]);
  expect(await requestOnce(port)).toBe("ok");
  expect(second.status().problems).toEqual([]);
});

test("a front moves to another address of its port", async () => {
  await using rig = new EdgeRig();
  using server = okServer();
  const control = rig.control();
  await control.start();
  const port = freePort();
  await control.put([httpFront(port, server.port)]);
  await control.put([httpFront(port, server.port, "0.0.0.0")]);
  expect(await requestOnce(port)).toBe("ok");
});

test("a table that could not be written is nothing that a drain waits for", async () => {
  await using rig = new EdgeRig();
  const control = rig.control({ workers: 1 });
  await control.start();
  const port = freePort();
  await control.put([httpFront(port)]);
  mkdirSync(`${tablePath(rig.folder)}.tmp/in-the-way`, { recursive: true });
  const refused = control.put([httpFront(port, 2)]);
  expect(refused).rejects.toMatchObject({ code: "unavailable" });
  await Promise.allSettled([refused]);
  expect(await control.drained("another")).toEqual({ cut: 0 });
});

test("of two workers with one number the one that cannot be reached leaves, and the other can be", async () => {
  await using rig = new EdgeRig();
  using server = okServer();
  const control = rig.control({ workers: 1 });
  await control.start();
  const front = httpFront(freePort(), server.port);
  await control.put([front]);
  control.close();
  const { pid } = spawnWorker({ folder: rig.folder, number: 0, command: WORKER_COMMAND, build: "test", workers: 1 });
  await until("the former to leave", () => rig.pids().length === 1 && rig.pids()[0] === pid, 10_000);
  const next = rig.control({ workers: 1 });
  await next.start();
  expect(next.status().workers).toMatchObject([{ pid }]);
  expect(await requestOnce(front.listen.port)).toBe("ok");
}, 60_000);

test("a worker whose socket was removed can be found again", async () => {
  await using rig = new EdgeRig();
  const control = rig.control({ workers: 1 });
  await control.start();
  await control.put([httpFront(freePort())]);
  control.close();
  const before = rig.pids();
  rmSync(workerSocket(rig.folder, 0));
  await until("its socket", () => existsSync(workerSocket(rig.folder, 0)));
  const next = rig.control({ workers: 1 });
  await next.start();
  expect(next.status().workers.map(({ pid }) => pid)).toEqual(before);
});
