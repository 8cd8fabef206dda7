import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { Write } from "../../kernel/event.ts";
import { Journal } from "../../kernel/journal.ts";
import type { TaskView } from "./task.ts";
import { TaskStore } from "./store.ts";

/** Of this id: that it ended, or that it was accepted anew. */
const OLD = { task_id: "x", state: "failed" } as TaskView;
const NEW = { task_id: "x", state: "queued", pool_id: "p", model_ref: "m" } as TaskView;

/** A disk that takes its time: each write waits until it is let go. */
class SlowJournal {
  readonly ids: string[] = [];
  private readonly waiting: (() => void)[] = [];

  append = async (_: readonly unknown[], writes: readonly Write[] = []): Promise<never[]> => {
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    for (const { params } of writes) this.ids.push(String((params as unknown[])[0]));
    return [];
  };

  query = <T>(): T[] => [];

  async letGo(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) {
      for (const go of this.waiting.splice(0)) go();
      await Promise.resolve();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}

function ended(n: number): TaskView {
  return { task_id: `t${n}`, state: "completed" } as TaskView;
}

function storeOf(journal: SlowJournal, clock: FakeClock): TaskStore {
  return new TaskStore({
    journal,
    clock,
    onError: (error) => {
      throw error;
    },
  });
}

test.each(["refused it", "refuses it only now"])(
  "an id is used again whose former end a full disk %s: the end is not written over it",
  async (when) => {
    const clock = new FakeClock();
    const states: unknown[] = [];
    let disk = Promise.withResolvers<void>();
    const append = async (_: readonly unknown[], writes: readonly Write[] = []): Promise<never[]> => {
      await disk.promise;
      for (const { params } of writes) states.push((params as unknown[])[1]);
      return [];
    };
    const store = new TaskStore({ journal: { append, query: () => [] }, clock, onError: () => undefined });
    const ending = store.ended(OLD);
    const full = (): void => disk.reject(new OrcoError("disk_full", "full"));
    if (when === "refused it") {
      full();
      await ending;
      disk = Promise.withResolvers();
    }
    const accepted = store.accepted(NEW);
    if (when === "refuses it only now") full();
    else disk.resolve();
    await Promise.allSettled([ending, accepted]);
    disk = Promise.withResolvers();
    disk.resolve();
    expect(store.get("x")).toBeUndefined();
    await clock.advance(1000);
    await store.close();
    expect(states).not.toContain("failed");
  },
);

test("an id that is used again while its former end is at the disk takes no other end along", async () => {
  const [journal, clock] = [new SlowJournal(), new FakeClock()];
  const store = storeOf(journal, clock);
  for (const view of [ended(1), OLD, ended(2)]) store.endedLater(view);
  await clock.advance(1000);
  store.endedLater(ended(3));
  const accepted = store.accepted(NEW);
  const closed = store.close();
  for (let turn = 0; turn < 3; turn++) await journal.letGo();
  await Promise.all([accepted, closed]);
  expect(journal.ids).toEqual(["t1", "x", "t2", "x", "t3"]);
});

test("ends that come while others are being written are written once each, however slow the disk", async () => {
  const [journal, clock] = [new SlowJournal(), new FakeClock()];
  const store = storeOf(journal, clock);
  for (let n = 0; n < 500; n++) store.endedLater(ended(n));
  await clock.advance(1000);
  for (let n = 500; n < 700; n++) store.endedLater(ended(n));
  await clock.advance(1000);
  await journal.letGo();
  const closed = store.close();
  await journal.letGo();
  await closed;
  expect(journal.ids.toSorted()).toEqual(Array.from({ length: 700 }, (_, n) => `t${n}`).toSorted());
});

test("more than can be kept: the oldest go, but none that is being written, and none is written twice", async () => {
  const [journal, clock] = [new SlowJournal(), new FakeClock()];
  const store = storeOf(journal, clock);
  for (let n = 0; n < 4000; n++) store.endedLater(ended(n));
  await clock.advance(1000);
  for (let n = 4000; n < 10_050; n++) store.endedLater(ended(n));
  const closed = store.close();
  for (let turn = 0; turn < 60; turn++) await journal.letGo();
  await closed;
  const lost = Array.from({ length: 10_050 }, (_, n) => `t${n}`).filter((id) => !journal.ids.includes(id));
  expect(lost).toEqual(Array.from({ length: 50 }, (_, n) => `t${200 + n}`));
  expect(new Set(journal.ids).size).toBe(journal.ids.length);
});

test("an end that is not on disk yet is in the list all the same, in its place, once", () => {
  const at = (id: string, second: number): TaskView =>
    ({ task_id: id, state: "completed", ended_at: new Date(1000 * second).toISOString() }) as TaskView;
  const disk = [at("c", 3), at("a", 1)];
  const query = <T>(_: string, [before]: readonly unknown[] = []): T[] =>
    disk.filter(({ ended_at: end = "" }) => Date.parse(end) < Number(before)).map((view) => ({ row: JSON.stringify(view) }) as T);
  const store = new TaskStore({ journal: { append: async () => [], query }, clock: new FakeClock(), onError: () => undefined });
  for (const view of [at("b", 2), at("c", 3), at("d", 4)]) store.endedLater(view);
  const listed = (asked: Parameters<TaskStore["list"]>[0]): string[] => store.list(asked).map(({ task_id: id }) => id);
  expect(listed({ limit: 9 })).toEqual(["d", "c", "b", "a"]);
  expect(listed({ limit: 2 })).toEqual(["d", "c"]);
  expect(listed({ limit: 9, before: { at: 2500, id: "" } })).toEqual(["b", "a"]);
});

test("a task that a former daemon left has no place in a queue any more", async () => {
  const clock = new FakeClock();
  const home = mkdtempSync(join(tmpdir(), "orco-store-"));
  const journal = Journal.open({ path: join(home, "orco.db"), clock });
  const build = (): TaskStore => new TaskStore({ journal, clock, onError: (error) => expect(error).toBeUndefined() });
  const view = { task_id: "t1", state: "queued", pool_id: "p", model_ref: "m", queue_position: 3, predicted_start_ms: 70 };
  await build().accepted(view as TaskView);
  const store = build();
  expect(await store.recover()).toBe(1);
  const { queue_position: position, predicted_start_ms: startMs, state } = store.get("t1") ?? {};
  expect([state, position, startMs]).toEqual(["failed", undefined, undefined]);
  await store.close();
  journal.close();
  rmSync(home, { recursive: true });
});

test("a disk that is full when the daemon starts keeps it from nothing: what was left is known as ended, and written once there is room", async () => {
  const clock = new FakeClock();
  const home = mkdtempSync(join(tmpdir(), "orco-store-"));
  const journal = Journal.open({ path: join(home, "orco.db"), clock });
  const errors: unknown[] = [];
  let isFull = false;
  const append: Journal["append"] = async (events, writes) => {
    if (isFull) throw new OrcoError("disk_full", "full");
    return journal.append(events, writes);
  };
  const disk = { append, query: <Row>(sql: string, params?: readonly (string | number | null)[]) => journal.query<Row>(sql, params) };
  const build = (): TaskStore => new TaskStore({ journal: disk, clock, onError: (error) => void errors.push(error) });
  await build().accepted({ task_id: "t1", state: "queued", pool_id: "p", model_ref: "m" } as TaskView);
  isFull = true;
  const store = build();
  expect(await store.recover()).toBe(1);
  expect(store.get("t1")).toMatchObject({ state: "failed", error: { code: "WORKER_RESET" } });
  isFull = false;
  await clock.advance(5000);
  await store.close();
  expect(errors.length).toBeGreaterThan(0);
  expect(journal.query("SELECT id FROM inference_tasks WHERE ended_at IS NULL")).toEqual([]);
  journal.close();
  rmSync(home, { recursive: true });
});
