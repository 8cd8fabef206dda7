import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type Candidate, pick, pickByKey } from "./pick.ts";

interface Fake extends Candidate {
  leases: { size: number };
}

function candidates(weights: readonly number[]): Fake[] {
  return weights.map((weight, at) => ({ spec: { id: `t${at}`, weight }, leases: { size: 0 }, owed: 0 }));
}

function shares(count: number, picks: number, next: () => Candidate | undefined): number[] {
  const got = Array.from({ length: count }, () => 0);
  for (let turn = 0; turn < picks; turn++) {
    const at = Number(next()?.spec.id.slice(1));
    got[at] = (got[at] ?? 0) + 1;
  }
  return got;
}

const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 });

describe("round-robin", () => {
  test("gives each exactly its weight in every round, and never falls behind by a whole turn within one", () => {
    fc.assert(
      fc.property(weights, (some) => {
        const targets = candidates(some);
        const total = some.reduce((sum, weight) => sum + weight, 0);
        const got = some.map(() => 0);
        for (let turn = 1; turn <= total; turn++) {
          const at = Number(pick("round-robin", targets)?.spec.id.slice(1));
          got[at] = (got[at] ?? 0) + 1;
          for (const [other, count] of got.entries()) {
            const due = (turn * (some[other] ?? 0)) / total;
            expect(Math.abs(count - due)).toBeLessThan(some.length);
          }
        }
        expect(got).toEqual(some);
      }),
    );
  });

  test("spreads 5:1:1 as nginx does, instead of in bursts", () => {
    const targets = candidates([5, 1, 1]);
    const order = Array.from({ length: 7 }, () => pick("round-robin", targets)?.spec.id);
    expect(order).toEqual(["t0", "t0", "t1", "t0", "t2", "t0", "t0"]);
  });

  test("weight 0 gets nothing while another has more, and a turn when nobody has", () => {
    const some = candidates([0, 3, 0]);
    expect(shares(3, 9, () => pick("round-robin", some))).toEqual([0, 9, 0]);
    const none = candidates([0, 0]);
    expect(shares(2, 10, () => pick("round-robin", none))).toEqual([5, 5]);
    expect(pick("round-robin", [])).toBeUndefined();
  });
});

describe("least connections", () => {
  test("keeps what is in flight in proportion to the weights", () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 400 }), (some, inFlight) => {
        const targets = candidates(some);
        for (let at = 0; at < inFlight; at++) {
          const target = pick("least-connections", targets);
          if (target) target.leases.size++;
        }
        const loads = targets.map(({ leases, spec }) => leases.size / spec.weight);
        const spread = Math.max(...loads) - Math.min(...loads);
        expect(spread).toBeLessThanOrEqual(1 / Math.min(...some) + 1e-9);
      }),
    );
  });

  test("does not send everything to the first when all are idle", () => {
    const targets = candidates([1, 1, 1]);
    expect(shares(3, 9, () => pick("least-connections", targets))).toEqual([3, 3, 3]);
  });
});

describe("by key", () => {
  test("the same key meets the same target, in whatever order they come", () => {
    fc.assert(
      fc.property(weights, fc.string(), (some, key) => {
        const targets = candidates(some);
        expect(pickByKey(key, targets.toReversed())?.spec.id).toBe(pickByKey(key, targets)?.spec.id as string);
      }),
    );
  });

  test("a target that goes takes only its own keys along", () => {
    fc.assert(
      fc.property(weights, fc.string(), fc.nat(), (some, key, gone) => {
        const targets = candidates(some);
        const before = pickByKey(key, targets);
        const left = targets.filter((_, at) => at !== gone % some.length);
        if (before && left.includes(before)) expect(pickByKey(key, left)).toBe(before);
      }),
    );
  });

  test("keys are shared by weight", () => {
    const targets = candidates([1, 3]);
    let key = 0;
    const [, heavy] = shares(2, 4000, () => pickByKey(`key-${key++}`, targets));
    expect((heavy ?? 0) / 4000).toBeGreaterThan(0.7);
    expect((heavy ?? 0) / 4000).toBeLessThan(0.8);
  });
});
