import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Priority } from "../request.ts";
import { NaiveQueue } from "./naive-queue.fake.ts";
import { AdmissionQueue, type Enqueued, type QueueOptions } from "./queue.ts";
import type { Waiting } from "./waiting.ts";

const AGEING_MS = 30_000;

function queueOf(options: Partial<QueueOptions> = {}): AdmissionQueue {
  return new AdmissionQueue({ capacity: 100, policy: "reject", ageingMs: AGEING_MS, ...options });
}

function task(id: string, how: Partial<Waiting> = {}): Waiting {
  return { id, key: "k", priority: "interactive", cost: 1, at: 0, ...how };
}

function fill(queue: AdmissionQueue, ...tasks: Waiting[]): Enqueued[] {
  return tasks.map((each) => queue.enqueue(each, each.at));
}

function drain(queue: AdmissionQueue, now = 0): string {
  const ids: string[] = [];
  for (let id = queue.take(now); id !== undefined; id = queue.take(now)) ids.push(id);
  return ids.join(" ");
}

describe("order", () => {
  test("interactive before batch, first come first served within a class", () => {
    const queue = queueOf();
    fill(queue, task("b1", { priority: "batch" }), task("i1"), task("b2", { priority: "batch" }), task("i2"));
    expect(queue.peek(0)).toBe("i1");
    expect(drain(queue)).toBe("i1 i2 b1 b2");
    expect(queue.size).toBe(0);
  });

  test("a batch task that has waited for the ageing bound goes before everything, oldest first", () => {
    const queue = queueOf();
    fill(queue, task("b1", { priority: "batch", key: "x" }), task("b2", { priority: "batch", key: "y", at: 5 }));
    fill(queue, task("b3", { priority: "batch", at: 10 }), task("i1", { at: 10 }));
    expect(queue.peek(AGEING_MS - 1)).toBe("i1");
    expect([queue.take(AGEING_MS + 5), queue.take(AGEING_MS + 5)]).toEqual(["b1", "b2"]);
    expect(drain(queue, AGEING_MS + 9)).toBe("i1 b3");
  });

  test("keys alternate, however many tasks one of them has", () => {
    const queue = queueOf();
    fill(queue, ...["a1", "a2", "a3", "a4", "b1", "b2", "c1"].map((id) => task(id, { key: id.charAt(0) })));
    expect(drain(queue)).toBe("a1 b1 c1 a2 b2 a3 a4");
  });

  test("a key that sends one at a time does not keep out one that has many waiting", () => {
    const queue = queueOf();
    fill(queue, task("a1", { key: "a" }), task("a2", { key: "a" }), task("a3", { key: "a" }), task("b1", { key: "b" }));
    const order: string[] = [];
    for (let n = 2; n <= 4; n++) {
      order.push(queue.take(0) ?? "", queue.take(0) ?? "");
      fill(queue, task(`b${n}`, { key: "b" }));
    }
    expect(order.join(" ")).toBe("a1 b1 a2 b2 a3 b3");
  });

  test("a task of four quanta waits for four rounds", () => {
    const queue = queueOf();
    fill(queue, task("big", { key: "a", cost: 4 }), ...[1, 2, 3, 4, 5].map((n) => task(`s${n}`, { key: "b" })));
    expect(drain(queue)).toBe("s1 s2 s3 big s4 s5");
  });

  test("what a key was given for an expensive head that left is not kept for a burst", () => {
    const queue = queueOf();
    fill(queue, task("big", { key: "a", cost: 50 }), ...[1, 2, 3].map((n) => task(`a${n}`, { key: "a" })));
    fill(queue, ...Array.from({ length: 12 }, (_, n) => task(`b${n}`, { key: "b" })));
    for (let n = 0; n < 8; n++) expect(queue.take(0)).toBe(`b${n}`);
    queue.cancel("big");
    expect(drain(queue)).toBe("a1 a2 b8 a3 b9 b10 b11");
  });
});

describe("a full queue", () => {
  const full = [task("i1"), task("b1", { priority: "batch" }), task("b2", { priority: "batch" })];

  test("refuses", () => {
    const queue = queueOf({ capacity: 3 });
    fill(queue, ...full);
    expect(queue.enqueue(task("i2"), 0)).toEqual({ kind: "refused", code: "ADMISSION_REJECT" });
    expect(drain(queue)).toBe("i1 b1 b2");
  });

  test("or lets the oldest batch task go, then the oldest of all", () => {
    const queue = queueOf({ capacity: 3, policy: "drop-lru" });
    fill(queue, ...full);
    const evicted = ["i2", "i3", "i4"].map((id) => queue.enqueue(task(id), 0));
    expect(evicted.map((each) => each.kind === "evicted" && each.evicted)).toEqual(["b1", "b2", "i1"]);
    expect(drain(queue)).toBe("i2 i3 i4");
  });

  test("refuses under drop-lru only where nothing can go", () => {
    expect(queueOf({ capacity: 0, policy: "drop-lru" }).enqueue(task("i"), 0)).toEqual({ kind: "refused", code: "QUEUE_FULL_DROP_LRU" });
  });
});

test("what left is gone; what waits cannot come again", () => {
  const queue = queueOf();
  fill(queue, task("a"), task("b"), task("c"));
  expect([queue.cancel("b"), queue.cancel("b"), queue.position("b", 0)]).toEqual([true, false, undefined]);
  expect([...queue.ids()]).toEqual(["a", "c"]);
  expect(() => queue.enqueue(task("a"), 0)).toThrow("waits already");
  expect(queue.clear()).toEqual(["a", "c"]);
  expect([queue.size, queue.take(0)]).toEqual([0, undefined]);
});

test("says how much is ahead", () => {
  const queue = queueOf();
  fill(queue, task("a", { tokens: 100 }), task("b"), task("c", { priority: "batch", tokens: 9 }), task("d", { tokens: 20 }));
  const nothing = { tasks: 0, tokens: 0, unsized: 0 };
  expect(plain(queue.place("c", 0)?.ahead)).toEqual({ interactive: { tasks: 3, tokens: 120, unsized: 1 }, batch: nothing });
  expect(plain(queue.place("c", AGEING_MS)?.ahead)).toEqual({ interactive: nothing, batch: nothing });
  expect(plain(queue.place("d", AGEING_MS)?.ahead)).toEqual({
    interactive: { tasks: 2, tokens: 100, unsized: 1 },
    batch: { tasks: 1, tokens: 9, unsized: 0 },
  });
  expect([queue.ripening(0, 5), queue.ripening(AGEING_MS, 5)]).toEqual([[AGEING_MS], []]);
});

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

type Step =
  | { readonly do: "enqueue"; readonly key: string; readonly priority: Priority; readonly cost: number; readonly wait: number }
  | { readonly do: "take"; readonly wait: number }
  | { readonly do: "cancel"; readonly pick: number; readonly wait: number };

const wait = fc.constantFrom(0, 0, 1, 7, AGEING_MS / 4);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("enqueue" as const),
      key: fc.constantFrom("a", "b", "c", "d"),
      priority: fc.constantFrom("interactive" as const, "batch" as const),
      cost: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 9 })),
      wait,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("take" as const), wait }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cancel" as const), pick: fc.nat(), wait }) },
);

describe("whatever happens", () => {
  test("it does what a plain walk of the ring does, and a position is what taking everything would show", () => {
    const policy = fc.constantFrom("reject" as const, "drop-lru" as const);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 30 }), policy, (steps, capacity, policy) => {
        const options = { capacity, policy, ageingMs: AGEING_MS };
        const pair = { real: new AdmissionQueue(options), naive: new NaiveQueue(options) };
        let now = 0;
        for (const [n, each] of steps.entries()) {
          now += each.wait;
          play(pair, each, { n, now });
          const order = pair.naive.order(now);
          expect(order.map((id) => pair.real.position(id, now))).toEqual(order.map((_, place) => place));
          expect([pair.real.size, pair.real.peek(now)]).toEqual([order.length, order[0]]);
        }
      }),
      { numRuns: 400 },
    );
  });

  test("no key waits for more than its share of the others", () => {
    const costs = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 15 });
    fc.assert(
      fc.property(fc.array(costs, { minLength: 1, maxLength: 5 }), fc.nat(40), fc.integer({ min: 1, max: 12 }), (others, taken, cost) => {
        const queue = queueOf({ capacity: 1000 });
        const costOf = new Map<string, number>();
        for (const [key, each] of others.entries())
          for (const [n, cost] of each.entries()) {
            costOf.set(`${key}/${n}`, cost);
            queue.enqueue(task(`${key}/${n}`, { key: String(key), cost }), 0);
          }
        for (let n = 0; n < taken; n++) queue.take(0);
        queue.enqueue(task("mine", { key: "mine", cost }), 0);
        const served = new Map<string, number>();
        for (let id = queue.take(0); id !== undefined && id !== "mine"; id = queue.take(0)) {
          const key = id.split("/")[0] ?? "";
          served.set(key, (served.get(key) ?? 0) + (costOf.get(id) ?? 0));
        }
        for (const quanta of served.values()) expect(quanta).toBeLessThanOrEqual(cost + 12);
      }),
    );
  });

  test("no batch task is overtaken once it has aged, however many interactive ones come", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 5000 }), (batches, every) => {
        const queue = queueOf({ capacity: 1000 });
        for (let n = 0; n < batches; n++) queue.enqueue(task(`b${n}`, { priority: "batch", key: `k${n % 3}` }), 0);
        const order: string[] = [];
        for (let now = 0; now < AGEING_MS + batches * every; now += every) {
          queue.enqueue(task(`i${now}`, { at: now }), now);
          order.push(queue.take(now) ?? "");
        }
        const first = order.findIndex((id) => id.startsWith("b"));
        expect(first * every).toBeLessThan(AGEING_MS + every);
        expect(order.slice(first, first + batches).every((id) => id.startsWith("b"))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});

function play({ real, naive }: { real: AdmissionQueue; naive: NaiveQueue }, step: Step, { n, now }: { n: number; now: number }): void {
  if (step.do === "take") expect(real.take(now)).toBe(naive.take(now));
  else if (step.do === "cancel") {
    const ids = [...real.ids()];
    const id = ids[step.pick % Math.max(1, ids.length)] ?? "nobody";
    expect(real.cancel(id)).toBe(naive.cancel(id));
  } else {
    const { key, priority, cost } = step;
    const waiting = { id: `t${n}`, key, priority, cost, at: now };
    const got = real.enqueue(waiting, now);
    expect(got.kind === "refused" ? got.code : got.kind === "evicted" ? got.evicted : "accepted").toBe(naive.enqueue(waiting));
    if (got.kind !== "refused") expect(naive.order(now)[got.position]).toBe(waiting.id);
  }
}

test("a million tasks that come and go leave nothing behind", () => {
  const queue = queueOf({ capacity: 1_000_000 });
  for (let n = 0; n < 100; n++) queue.enqueue(task(`stay${n}`, { key: `stay${n % 7}`, priority: "batch" }), 0);
  const before = heapAfter(() => undefined);
  const after = heapAfter(() => {
    for (let n = 0; n < 1_000_000; n++) {
      queue.enqueue(task(`t${n}`, { key: `key${n}`, priority: n % 2 === 0 ? "batch" : "interactive" }), 0);
      if (n >= 50) queue.cancel(`t${n - 50}`);
    }
    for (let n = 999_950; n < 1_000_000; n++) queue.cancel(`t${n}`);
  });
  expect(queue.size).toBe(100);
  expect(after - before).toBeLessThan(2 * 2 ** 20);
}, 60_000);

function heapAfter(work: () => void): number {
  work();
  Bun.gc(true);
  return process.memoryUsage().heapUsed;
}
