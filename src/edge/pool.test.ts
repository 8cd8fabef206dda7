import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { FakeClock } from "../kernel/clock.ts";
import type { HeldClaim } from "./pool/hold.ts";
import type { Lease } from "./pool/lease.ts";
import { Pool } from "./pool.ts";
import { DEFAULT_TIMEOUTS, type Front, MAX_HELD, type Target } from "./route.ts";

type State = Pick<Target, "id"> & Partial<Target>;

function frontOf(targets: readonly State[], more: Partial<Front> = {}): Front {
  return {
    id: "app/blog",
    listen: { address: "127.0.0.1", port: 80, protocol: "http" },
    balance: "round-robin",
    holdTimeoutMs: 5_000,
    timeouts: DEFAULT_TIMEOUTS,
    targets: targets.map((target) => ({ host: "127.0.0.1", port: 1, weight: 1, state: "active", ...target })),
    ...more,
  };
}

function poolOf(targets: readonly State[], more: Partial<Front> = {}) {
  const clock = new FakeClock();
  const drained: string[] = [];
  const pool = new Pool(frontOf(targets, more), clock, { drainChanged: (target) => void drained.push(target) });
  return { pool, clock, drained, update: (next: readonly State[]) => pool.update(frontOf(next, more)) };
}

/** A claim that remembers what became of it. */
class Probe implements HeldClaim {
  lease: Lease | undefined;
  cuts = 0;
  gaveUp = 0;

  constructor(
    private readonly log: string[] = [],
    private readonly name = "",
  ) {}

  admit(lease: Lease): void {
    this.lease = lease;
    this.log.push(this.name);
  }
  giveUp(): void {
    this.gaveUp++;
    this.log.push(`${this.name} gave up`);
  }
  cut(): void {
    this.cuts++;
    this.lease?.release();
  }
}

const claim = { cut() {} };

describe("acquire", () => {
  test("counts until released, and a second release is nothing", () => {
    const { pool } = poolOf([{ id: "a" }]);
    const [first, second] = [pool.acquire(claim), pool.acquire(claim)];
    expect(pool.inFlight).toBe(2);
    first?.release();
    first?.release();
    expect(pool.inFlight).toBe(1);
    second?.release();
    expect(pool.inFlight).toBe(0);
  });

  test("passes over targets that refused, and has none when all did", () => {
    const { pool } = poolOf([{ id: "a" }, { id: "b" }]);
    for (let at = 0; at < 4; at++) expect(pool.acquire({ ...claim, refused: new Set(["a"]) })?.target.id).toBe("b");
    expect(pool.acquire({ ...claim, refused: new Set(["a", "b"]) })).toBeUndefined();
  });

  test("counts survive a new table; turns stay smooth when only weights change", () => {
    const { pool, update } = poolOf([{ id: "a" }, { id: "b" }]);
    pool.acquire(claim);
    update([{ id: "a", weight: 3 }, { id: "b" }]);
    expect(pool.inFlight).toBe(1);
    const got = Array.from({ length: 4 }, () => pool.acquire(claim)?.target.id);
    expect(got.filter((id) => id === "a").length).toBeGreaterThanOrEqual(2);
  });
});

describe("sticky", () => {
  test("a new client gets a cookie, one that comes with it stays, one whose target drains moves and gets another", () => {
    const { pool, update } = poolOf([{ id: "a" }, { id: "b" }], { sticky: { cookie: "orco" } });
    const first = pool.acquire(claim);
    const stick = first?.newStick;
    expect(stick).toBeString();
    for (let at = 0; at < 5; at++) {
      const again = pool.acquire({ ...claim, stick });
      expect([again?.target.id, again?.newStick]).toEqual([first?.target.id, undefined]);
    }
    update(["a", "b"].map((id) => ({ id, state: id === first?.target.id ? "draining" : "active" })));
    const moved = pool.acquire({ ...claim, stick });
    expect(moved?.target.id).not.toBe(first?.target.id as string);
    expect(moved?.newStick).toBeString();
    expect(pool.acquire({ ...claim, stick: "forged" })?.newStick).toBeString();
  });

  test("stays with a target of weight 0 that is active", () => {
    const { pool, update } = poolOf([{ id: "a" }], { sticky: { cookie: "orco" } });
    const stick = pool.acquire(claim)?.newStick;
    update([{ id: "a", weight: 0 }, { id: "b" }]);
    expect(pool.acquire({ ...claim, stick })?.target.id).toBe("a");
    expect(pool.acquire(claim)?.target.id).toBe("b");
  });

  test("by header needs no cookie", () => {
    const { pool } = poolOf([{ id: "a" }, { id: "b" }], { sticky: { header: "x-user" } });
    const first = pool.acquire({ ...claim, stick: "alice" });
    expect(first?.newStick).toBeUndefined();
    for (let at = 0; at < 5; at++) expect(pool.acquire({ ...claim, stick: "alice" })?.target.id).toBe(first?.target.id as string);
    expect(pool.acquire(claim)?.newStick).toBeUndefined();
  });
});

describe("hold", () => {
  test("admits first come first served, and whoever left is not asked", () => {
    const { pool, update } = poolOf([]);
    const log: string[] = [];
    const probes = ["one", "two", "three"].map((name) => new Probe(log, name));
    const leave = probes.map((probe) => pool.hold(probe));
    expect(pool.held).toBe(3);
    leave[1]?.();
    update([{ id: "a", state: "draining" }]);
    expect(log).toEqual([]);
    update([{ id: "a" }]);
    expect(log).toEqual(["one", "three"]);
    expect([pool.held, pool.inFlight]).toEqual([0, 2]);
    leave[0]?.();
    expect(pool.inFlight).toBe(2);
  });

  test("is bounded and has a deadline", async () => {
    const { pool, clock } = poolOf([]);
    const log: string[] = [];
    for (let at = 0; at < MAX_HELD; at++) expect(pool.hold(new Probe())).toBeFunction();
    expect(pool.hold(new Probe())).toBeUndefined();
    await clock.advance(4_999);
    expect(pool.held).toBe(MAX_HELD);
    await clock.advance(1);
    expect(pool.held).toBe(0);
    pool.hold(new Probe(log, "late"));
    await clock.advance(5_000);
    expect(log).toEqual(["late gave up"]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("is not for fronts that do not wait, and ends when the front goes", () => {
    expect(poolOf([], { holdTimeoutMs: 0 }).pool.hold(new Probe())).toBeUndefined();
    const { pool } = poolOf([]);
    const probe = new Probe();
    pool.hold(probe);
    pool.close();
    expect([probe.gaveUp, pool.held]).toEqual([1, 0]);
  });
});

describe("drain", () => {
  test("is over when the last one in flight ends, and is told once", () => {
    const { pool, drained, update } = poolOf([{ id: "a" }]);
    const leases = [pool.acquire(claim), pool.acquire(claim)];
    update([{ id: "a", state: "draining", drainTimeoutMs: 1_000 }, { id: "b" }]);
    expect(pool.acquire(claim)?.target.id).toBe("b");
    expect(pool.draining()).toEqual([{ target: "a", inFlight: 2, cut: 0 }]);
    leases[0]?.release();
    expect(drained).toEqual([]);
    leases[1]?.release();
    expect(drained).toEqual(["a"]);
    expect(pool.draining()).toEqual([{ target: "a", inFlight: 0, cut: 0 }]);
  });

  test("cuts the rest at the deadline, which a later table does not move", async () => {
    const { pool, clock, drained, update } = poolOf([{ id: "a" }]);
    const probe = new Probe();
    const lease = pool.acquire(probe);
    if (lease) probe.admit(lease);
    update([{ id: "a", state: "draining", drainTimeoutMs: 1_000 }]);
    await clock.advance(900);
    update([{ id: "a", state: "draining", drainTimeoutMs: 1_000 }, { id: "b" }]);
    expect(probe.cuts).toBe(0);
    await clock.advance(100);
    expect(probe.cuts).toBe(1);
    expect(pool.draining()).toEqual([{ target: "a", inFlight: 0, cut: 1 }]);
    expect(drained).toContain("a");
  });

  test("a target that is taken back is not cut", async () => {
    const { pool, clock, update } = poolOf([{ id: "a" }]);
    const probe = new Probe();
    pool.acquire(probe);
    update([{ id: "a", state: "draining", drainTimeoutMs: 1_000 }]);
    update([{ id: "a" }]);
    await clock.advance(5_000);
    expect([probe.cuts, pool.draining()]).toEqual([0, []]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("a target that the table forgot is named until nothing is in flight on it", () => {
    const { pool, drained, update } = poolOf([{ id: "a" }]);
    const lease = pool.acquire(claim);
    update([{ id: "b" }]);
    expect(pool.draining()).toEqual([{ target: "a", inFlight: 1, cut: 0 }]);
    lease?.release();
    expect([pool.draining(), drained]).toEqual([[], ["a"]]);
  });
});

describe("whatever happens", () => {
  const state = fc.constantFrom("active", "draining", "absent");
  const event = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("acquire" as const) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("release" as const), at: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("table" as const), states: fc.tuple(state, state, state) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 3_000 }) }) },
  );

  test("nothing new reaches a draining target, every lease is counted once, the held come in order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 80 }), async (events) => {
        const { pool, clock, update } = poolOf([{ id: "t0" }]);
        let active = new Set(["t0"]);
        const admitted: string[] = [];
        const expected: string[] = [];
        const probes: Probe[] = [];
        const open = (): Probe[] => probes.filter(({ lease, cuts }) => lease && cuts === 0);
        for (const [at, one] of events.entries()) {
          if (one.kind === "acquire") {
            const probe = new Probe(admitted, String(at));
            const lease = pool.acquire(probe);
            expect(lease !== undefined).toBe(active.size > 0);
            if (lease) expect(active.has(lease.target.id)).toBe(true);
            if (lease) probe.lease = lease;
            else if (pool.hold(probe)) expected.push(String(at));
            probes.push(probe);
          } else if (one.kind === "release") {
            const probe = open()[one.at % Math.max(1, open().length)];
            probe?.lease?.release();
            probe?.lease?.release();
            if (probe) probes.splice(probes.indexOf(probe), 1);
          } else if (one.kind === "wait") {
            await clock.advance(one.ms);
          } else {
            const targets = one.states.flatMap((is, id) => (is === "absent" ? [] : [{ id: `t${id}`, state: is, drainTimeoutMs: 2_000 }]));
            active = new Set(targets.filter((target) => target.state === "active").map(({ id }) => id));
            update(targets);
          }
          expect(pool.inFlight).toBe(open().length);
          expect(pool.held === 0 || active.size === 0).toBe(true);
        }
        await clock.advance(10_000);
        expect(pool.held).toBe(0);
        const inOrder = expected.filter((name) => admitted.includes(name));
        expect(admitted.filter((name) => !name.includes("gave up"))).toEqual(inOrder);
        expect(admitted.length).toBe(expected.length);
      }),
      { numRuns: 150 },
    );
  });
});
