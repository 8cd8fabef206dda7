import { expect, test } from "bun:test";
import { FakeClock } from "../kernel/clock.ts";
import type { FromWorker, ListenerProblem, ToWorker } from "./channel.ts";
import { frontOf } from "./control-fixture.ts";
import type { RouteTable } from "./route.ts";
import type { TableFile } from "./table.ts";
import { EdgeWorker, type DataPlane } from "./worker.ts";
import { MemoryBound } from "./worker-memory.ts";

class FakePlane implements DataPlane {
  readonly applied: number[] = [];
  readonly did: string[] = [];
  problems: readonly ListenerProblem[] = [];
  connections = 0;

  apply(table: RouteTable): Promise<readonly ListenerProblem[]> {
    this.applied.push(table.version);
    return Promise.resolve(this.problems);
  }
  stopListening = (): void => void this.did.push("stop");
  retire = (): void => void this.did.push("retire");
  cutAll = (): void => void this.did.push("cut");
  draining = () => ({ inFlight: {}, cut: {} });
  stats = (seq: number) => ({ seq, rssBytes: 0, fronts: [] });
}

function tableOf(version: number, fronts = 1): TableFile {
  const all = Array.from({ length: fronts }, (_, n) => frontOf(`f${n}`, 80 + n, []));
  return { kind: "table", table: { version, fronts: all, trustedProxies: [] } };
}

function rig() {
  const clock = new FakeClock();
  const plane = new FakePlane();
  const disk: { file: TableFile } = { file: tableOf(1) };
  const said: FromWorker[] = [];
  let exits = 0;
  const worker = new EdgeWorker({
    identity: { number: 0, pid: 1, startTime: 2, build: "b" },
    clock,
    plane,
    read: () => disk.file,
    log: () => undefined,
    exit: () => void exits++,
  });
  const connect = () =>
    worker.connected({
      send: (message) => {
        said.push(message);
        return true;
      },
      close: () => undefined,
    });
  const tell = async (message: ToWorker): Promise<void> => {
    daemon.message(message);
    await clock.advance(0);
  };
  const daemon = connect();
  return { clock, plane, disk, said, worker, tell, exits: () => exits };
}

test("a nudge is acknowledged with the table on disk and what could not be served", async () => {
  const { worker, disk, tell, said, plane } = rig();
  await worker.start();
  disk.file = tableOf(2);
  plane.problems = [{ listener: "127.0.0.1:80", code: "EADDRINUSE", message: "taken" }];
  await tell({ type: "nudge", version: 2 });
  expect(said.at(-1)).toMatchObject({ type: "served", version: 2, answered: 2, problems: plane.problems, phase: "serving" });
});

test("a torn, a missing and an unreadable file change nothing", async () => {
  const { worker, disk, tell, said, plane } = rig();
  await worker.start();
  for (const file of [{ kind: "absent" }, { kind: "problem", why: "torn" }] as const) {
    disk.file = file;
    await tell({ type: "nudge", version: 9 });
    expect(said.at(-1)).toMatchObject({ version: 1, answered: 9, problems: [{ code: "table" }] });
  }
  expect(plane.applied).toEqual([1]);
});

test("nudges that come while a table is applied are one more look", async () => {
  const { worker, disk, clock, plane, tell } = rig();
  const started = worker.start();
  disk.file = tableOf(5);
  void tell({ type: "nudge", version: 3 });
  void tell({ type: "nudge", version: 4 });
  void tell({ type: "nudge", version: 5 });
  await started;
  await clock.advance(0);
  expect(plane.applied).toEqual([1, 5]);
});

test("it exits within a second of its last front, unless there is a new one", async () => {
  const { worker, disk, clock, tell, exits } = rig();
  await worker.start();
  disk.file = tableOf(2, 0);
  await tell({ type: "nudge", version: 2 });
  await clock.advance(300);
  disk.file = tableOf(3);
  await tell({ type: "nudge", version: 3 });
  await clock.advance(60_000);
  expect(exits()).toBe(0);
  disk.file = tableOf(4, 0);
  await tell({ type: "nudge", version: 4 });
  await clock.advance(1_000);
  expect(exits()).toBe(1);
});

test("told to leave it lingers, stops listening, ends what it has, and exits", async () => {
  const { worker, plane, clock, tell, said, exits } = rig();
  await worker.start();
  plane.connections = 1;
  await tell({ type: "leave", lingerMs: 100, timeoutMs: 5_000 });
  expect(said.at(-1)).toMatchObject({ phase: "leaving" });
  expect(plane.did).toEqual([]);
  await clock.advance(100);
  expect(said.at(-1)).toMatchObject({ phase: "left" });
  expect(plane.did).toEqual(["stop", "retire"]);
  await clock.advance(1_000);
  expect(exits()).toBe(0);
  plane.connections = 0;
  await clock.advance(100);
  expect(exits()).toBe(1);
  expect(said.at(-1)).toMatchObject({ type: "stats" });
});

test("what does not end in time is cut", async () => {
  const { worker, plane, clock, tell, exits } = rig();
  await worker.start();
  plane.connections = 1;
  await tell({ type: "leave", lingerMs: 0, timeoutMs: 5_000 });
  await clock.advance(4_900);
  expect(plane.did).not.toContain("cut");
  await clock.advance(300);
  expect(plane.did).toEqual(["stop", "retire", "cut"]);
  expect(exits()).toBe(1);
});

test("memory above the bound is told every time it is seen, logged once", async () => {
  const clock = new FakeClock();
  const told: FromWorker[] = [];
  const logged: string[] = [];
  const tell = (message: FromWorker): boolean => told.push(message) > 1;
  new MemoryBound({ clock, boundBytes: 1, log: (message) => logged.push(message), tell }).watch();
  await clock.advance(4_000);
  expect(told).toMatchObject([{ type: "pressure", boundBytes: 1 }, { type: "pressure" }]);
  expect(logged).toHaveLength(1);
  expect(logged[0]).toContain("nobody is there to replace it");
});
