import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { processorTime } from "../../test/processor-time.ts";
import { Admission } from "./admission.ts";
import type { Concurrency } from "./record.ts";
import type { Waiting } from "./store.ts";
import { isBefore } from "./waiting-heap.ts";

const RUNS = Number(process.env["ORCO_MODEL_RUNS"] ?? 200);

function run(n: number, more: Partial<Waiting> & { key?: string; limit?: number; policy?: Concurrency["policy"] } = {}): Waiting {
  const { key, limit = 1, policy = "queue", ...rest } = more;
  const id = `run-${String(n).padStart(5, "0")}`;
  const lane = key === undefined ? `run/${id}` : `key/${key}`;
  return { id, lane, kind: "plan", mode: "local", priority: 0, ...rest, ...(key !== undefined && { concurrency: { key, limit, policy } }) };
}

function all(admission: Admission): string[] {
  const ids: string[] = [];
  for (let next = admission.next(); next; next = admission.next()) ids.push(next.id);
  return ids;
}

describe("admission", () => {
  test("priority before age; one at a time in a lane, another lane beside it, nothing above the cap", () => {
    const admission = new Admission(2);
    const [a, b, c, d] = [run(1, { key: "k" }), run(2, { key: "k", priority: 5 }), run(3), run(4, { priority: -1 })];
    for (const one of [a, b, c, d]) admission.wait(one);
    expect(all(admission)).toEqual([b.id, c.id]);
    admission.leave(b);
    expect(all(admission)).toEqual([a.id]);
    admission.leave(c);
    expect(all(admission)).toEqual([d.id]);
  });

  test("a new run begins at once where there is a place and nobody waits for it", () => {
    const admission = new Admission(2);
    const [a, b, c, d] = [run(1, { key: "k" }), run(2, { key: "k" }), run(3), run(4)];
    expect([a, b, run(9, { mode: "redis" }), run(8, { kind: "external" })].map((one) => admission.takeNew(one))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect([c, d].map((one) => admission.takeNew(one))).toEqual([true, false]);
    admission.wait(d);
    admission.leave(c);
    expect(admission.takeNew(run(5))).toBe(false);
    expect(all(admission)).toEqual([d.id]);
  });

  test("runs of redis wait for their lane, not for the cap; what is paused is not counted", () => {
    const admission = new Admission(1);
    const [a, b, c] = [run(1), run(2), run(3, { mode: "redis" })];
    for (const one of [a, b, c]) admission.wait(one);
    expect(all(admission)).toEqual([c.id, a.id]);
    admission.hold(a, false);
    expect(all(admission)).toEqual([b.id]);
  });

  test("who rests lets others go, though not without end", () => {
    const admission = new Admission(1);
    for (let n = 0; n < 10_000; n++) {
      admission.wait(run(n));
      expect(all(admission).length).toBe(1);
      admission.hold(run(n), false);
    }
    admission.wait(run(10_000));
    expect(all(admission)).toEqual([]);
    admission.leave(run(7));
    expect(all(admission)).toEqual([run(10_000).id]);
  });

  test("an external run takes its place when it is claimed", () => {
    const admission = new Admission(1);
    const [a, b] = [run(1, { key: "k", kind: "external" }), run(2, { key: "k", kind: "external" })];
    admission.rest(a);
    admission.rest(b);
    expect(all(admission)).toEqual([]);
    expect([admission.tryHold(b), admission.tryHold(b), admission.tryHold(a)]).toEqual([true, true, false]);
    admission.rest(b);
    expect(admission.tryHold(a)).toBe(true);
  });

  test("policies of a full lane: wait, be refused, or take the place of the oldest", () => {
    const admission = new Admission(10);
    const [a, b] = [run(1, { key: "k", limit: 2 }), run(2, { key: "k", limit: 2 })];
    admission.wait(b);
    expect(admission.entry(run(3, { key: "k", limit: 2, policy: "reject" }))).toEqual({ kind: "enter" });
    admission.wait(a);
    expect(admission.entry(run(3, { key: "k", limit: 2, policy: "queue" }))).toEqual({ kind: "enter" });
    expect(admission.entry(run(3, { key: "k", limit: 2, policy: "reject" }))).toEqual({ kind: "busy", run: a.id });
    expect(admission.entry(run(3, { key: "k", limit: 2, policy: "replace" }))).toEqual({ kind: "replace", runs: [a.id] });
    expect(admission.entry(run(3, { key: "k", limit: 1, policy: "replace" }))).toEqual({ kind: "replace", runs: [a.id, b.id] });
    admission.leave(a);
    admission.leave(b);
    expect(admission.entry(run(3, { key: "k", policy: "reject" }))).toEqual({ kind: "enter" });
  });
});

const command = fc.record({
  what: fc.constantFrom("wait", "wait", "wait", "next", "next", "leave", "rest", "hold", "again"),
  n: fc.nat(30),
});
const made = fc.array(
  fc.record({
    key: fc.constantFrom(undefined, "a", "b"),
    priority: fc.integer({ min: -1, max: 1 }),
    mode: fc.constantFrom("local" as const, "redis" as const),
  }),
  { minLength: 31, maxLength: 31 },
);

test("any order of events: nobody overtakes a better one that could go, no lane and no cap is exceeded, and nobody waits while there is room", () => {
  fc.assert(
    fc.property(made, fc.array(command, { maxLength: 120 }), fc.integer({ min: 1, max: 4 }), (specs, commands, cap) => {
      const limits = new Map([
        ["a", 2],
        ["b", 1],
      ]);
      const runs = specs.map(({ key, ...spec }, n) => run(n, { ...spec, ...(key !== undefined && { key, limit: limits.get(key) ?? 1 }) }));
      const admission = new Admission(cap);
      const state = new Map<string, "waiting" | "held" | "resting" | "over">();
      const count = (one: Waiting): number => runs.filter((other) => other.lane === one.lane && state.get(other.id) === "held").length;
      const driven = (): number => runs.filter(({ id, mode }) => mode === "local" && state.get(id) === "held").length;
      const waiting = (): Waiting[] => runs.filter(({ id }) => state.get(id) === "waiting");
      const isFirst = (one: Waiting): boolean => !waiting().some((other) => other.lane === one.lane && isBefore(other, one));
      const hasPlace = (one: Waiting): boolean => count(one) < (one.concurrency?.limit ?? 1) && (one.mode === "redis" || driven() < cap);
      for (const { what, n } of commands) {
        const one = runs[n];
        if (!one) continue;
        const now = state.get(one.id);
        if (now === "over") continue;
        if (what === "wait" && now !== "held") {
          admission.wait(one);
          state.set(one.id, "waiting");
        } else if (what === "again" && now === "held") {
          admission.wait({ ...one });
          state.set(one.id, "waiting");
        } else if (what === "leave") {
          admission.leave(one);
          state.set(one.id, "over");
        } else if (what === "rest") {
          admission.rest(one);
          state.set(one.id, "resting");
        } else if (what === "hold" && now === "held") admission.hold(one, true);
        else if (what === "next") {
          const able = waiting().filter((other) => hasPlace(other) && isFirst(other));
          const next = admission.next();
          if (!next) expect(able.map(({ id }) => id)).toEqual([]);
          else {
            expect(able.map(({ id }) => id)).toContain(next.id);
            expect(able.filter((other) => other.mode === next.mode && isBefore(other, next)).map(({ id }) => id)).toEqual([]);
            state.set(next.id, "held");
          }
        }
        for (const other of runs) expect(admission.holds(other.id)).toBe(state.get(other.id) === "held");
      }
    }),
    { numRuns: RUNS },
  );
});

test("a hundred thousand that wait are let through in order, and leave nothing behind", () => {
  const admission = new Admission(1);
  const spent = processorTime();
  for (let n = 0; n < 100_000; n++) admission.wait(run(n, { priority: n % 3 }));
  let last: Waiting | undefined;
  for (let n = 0; n < 100_000; n++) {
    const next = admission.next();
    if (!next) throw new Error("too few");
    if (last) expect(isBefore(last, next)).toBe(true);
    admission.leave(next);
    last = next;
  }
  expect(admission.next()).toBeUndefined();
  expect(spent()).toBeLessThan(5000);
});
