import { expect, test } from "bun:test";
import fc from "fast-check";
import { poolOf, Reader, Rig } from "./desk.fake.ts";
import { TASK } from "./task.ts";

/** What a task may be told last, and what then comes no more. */
const TERMINAL = new Set(["end", "error"]);

type Step =
  | { readonly do: "post"; readonly batch: boolean; readonly key: string; readonly deadline: boolean; readonly stays: boolean }
  | { readonly do: "token" | "finish" | "cancel" | "read" | "leave"; readonly at: number }
  | { readonly do: "fault"; readonly at: number; readonly kind: "connect" | "http" | "refused" | "reset"; readonly status: number }
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "pool"; readonly slots: number; readonly ready: boolean }
  | { readonly do: "expire" | "purge" | "drop" | "restart" };

const at = fc.nat(30);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("post" as const),
      batch: fc.boolean(),
      key: fc.constantFrom("a", "b"),
      deadline: fc.boolean(),
      stays: fc.boolean(),
    }),
  },
  { weight: 12, arbitrary: fc.record({ do: fc.constantFrom("token", "finish", "cancel", "read", "leave"), at }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("fault" as const),
      at,
      kind: fc.constantFrom("connect", "http", "refused", "reset"),
      status: fc.constantFrom(400, 401, 503),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.constantFrom(1, 300, 5000, 31_000, 121_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("pool" as const), slots: fc.nat(3), ready: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("expire", "purge", "drop", "restart") }) },
);

/** Plays random steps and knows what must hold whatever they are. */
class Play {
  readonly rig: Rig;
  readonly accepted: string[] = [];
  private readonly readers = new Map<string, Reader[]>();
  private maxSlots = 3;

  constructor() {
    this.rig = new Rig({ capacity: 5, admission: "drop-lru" });
    this.rig.pool(poolOf("p", { r1: 1, r2: 2 }));
  }

  async take(one: Step): Promise<void> {
    const { rig } = this;
    if (one.do === "post") await this.post(one);
    else if (one.do === "advance") await rig.clock.advance(one.ms);
    else if (one.do === "pool") this.change(one.slots, one.ready);
    else if (one.do === "expire") rig.desk.work.expire("p", "expired");
    else if (one.do === "purge") rig.desk.work.purge("p");
    else if (one.do === "drop") rig.drop("p");
    else if (one.do === "restart") await this.restart();
    else if ("at" in one) await this.touch(one);
    await rig.clock.advance(0);
    this.check();
  }

  /** Everything ends, and nothing is left. */
  async over(): Promise<void> {
    const { rig } = this;
    for (const id of this.accepted) await rig.desk.cancel(id);
    await rig.clock.advance(10);
    for (const id of this.accepted) {
      const view = rig.desk.get(id);
      expect(TASK.isFinal(view.state)).toBe(true);
      expect(view.ended_at).toBeString();
    }
    const load = rig.desk.work.load("p");
    expect(load.queueDepth).toBe(0);
    expect([...load.inFlight.values()].every((count) => count === 0)).toBe(true);
    expect(rig.engine.streams.every(({ canceled, ended }) => canceled || ended)).toBe(true);
    for (const id of this.accepted) this.checkReaders(id, true);
    const [row] = rig.journal.query<{ n: number }>("SELECT count(*) AS n FROM inference_tasks WHERE ended_at IS NULL");
    expect(row?.n).toBe(0);
    expect(this.ends()).toEqual(this.accepted.map((id) => [id, 1]));
    expect(rig.errors).toEqual([]);
    await rig.close();
  }

  /** How often each accepted task ended, by the journal. */
  private ends(): [string, number][] {
    const events = this.rig.journal
      .read({ topic: "inference", limit: 10_000 })
      .filter(({ type }) => /^task\.(completed|failed|canceled)$/.test(type));
    return this.accepted.map((id) => [id, events.filter(({ data }) => data["task"] === id).length]);
  }

  private async post({ batch, key, deadline, stays }: Step & { do: "post" }): Promise<void> {
    const request = this.rig.request({
      priority: batch ? "batch" : "interactive",
      shareKey: key,
      cancelOnDisconnect: !stays,
      ...(deadline && { deadlineMs: 10_000 }),
    });
    try {
      await this.rig.desk.accept(request);
      this.accepted.push(request.taskId);
    } catch (error) {
      expect(error).toMatchObject({
        code: expect.stringMatching(/^(MODEL_UNKNOWN|POOL_UNREADY|POOL_UNAVAILABLE|ADMISSION_REJECT|DEADLINE_UNMET)$/),
      });
    }
  }

  private async touch(one: Extract<Step, { readonly at: number }>): Promise<void> {
    const { rig } = this;
    const id = this.accepted.at(-1 - (one.at % 12));
    const stream = rig.engine.streams.at(-1 - (one.at % 6));
    if (one.do === "token" && stream) {
      stream.sink.opened();
      stream.sink.token("x");
    }
    if (one.do === "finish") stream?.finish();
    if (one.do === "fault") stream?.fault(one.kind, { status: one.status });
    if (id === undefined) return;
    if (one.do === "cancel") await this.cancel(id);
    if (one.do === "read") this.read(id);
    if (one.do === "leave") this.readers.get(id)?.[0]?.leave();
  }

  /** When it has returned nothing follows in any stream. */
  private async cancel(id: string): Promise<void> {
    const { rig } = this;
    await rig.desk.cancel(id);
    const before = this.readers.get(id)?.map(({ names }) => names) ?? [];
    for (const stream of rig.engine.streams.filter(({ request }) => request.taskId === id)) stream.sink.token("late");
    expect(this.readers.get(id)?.map(({ names }) => names) ?? []).toEqual(before);
  }

  private read(id: string): void {
    try {
      const reader = new Reader(this.rig.desk.channel(id));
      this.readers.set(id, [...(this.readers.get(id) ?? []), reader]);
    } catch (error) {
      expect(error).toMatchObject({ code: "NOT_FOUND" });
    }
  }

  private change(slots: number, ready: boolean): void {
    const facts = poolOf("p", { r1: 1, r2: slots });
    this.maxSlots = Math.max(this.maxSlots, 1 + slots);
    this.rig.pool({ ...facts, replicas: facts.replicas.map((replica) => ({ ...replica, ready })) });
  }

  /** As `kill -9` does: nothing is said to anybody. */
  private async restart(): Promise<void> {
    const { rig } = this;
    const before = rig.desk;
    await rig.clock.advance(0);
    for (const stream of rig.engine.streams) stream.cancel();
    await before.close();
    rig.desk = rig.build();
    await rig.desk.start();
    this.readers.clear();
    rig.desk.work.changed("p");
    for (const id of this.accepted) expect(TASK.isFinal(rig.desk.get(id).state)).toBe(true);
  }

  private check(): void {
    const { rig } = this;
    const running = this.accepted.filter((id) => rig.desk.get(id).state === "running");
    const open = rig.engine.streams.filter(({ canceled, ended }) => !canceled && !ended);
    expect(open.length).toBeLessThanOrEqual(this.maxSlots + 3);
    expect(open.every(({ request }) => running.includes(request.taskId))).toBe(true);
    for (const id of this.accepted) this.checkReaders(id, false);
  }

  private checkReaders(id: string, over: boolean): void {
    for (const reader of this.readers.get(id) ?? []) {
      const ids = [...reader.text.matchAll(/^id: \d+-(\d+)$/gm)].map(([, n]) => Number(n));
      expect(ids).toEqual(ids.map((_, n) => (ids[0] ?? 0) + n));
      const ends = reader.events.filter(([event]) => TERMINAL.has(event)).length;
      expect(ends).toBeLessThanOrEqual(1);
      if (ends === 1) expect(TERMINAL.has(reader.events.at(-1)?.[0] ?? "")).toBe(true);
      if (over && !reader.hasLeft) expect(ends).toBe(1);
    }
  }
}

test("whatever happens: one end each, nothing after it, no slot and no place lost", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const play = new Play();
      for (const one of steps) await play.take(one);
      await play.over();
    }),
    { numRuns: 150 },
  );
}, 60_000);
