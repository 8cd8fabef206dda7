import { expect, test } from "bun:test";
import fc from "fast-check";
import { Breaker, type BreakerState } from "./breaker.ts";

const RULES = { failures: 3, openMs: 100 };

test("opens after failures in a row, and a success between starts the row again", () => {
  const breaker = new Breaker(RULES);
  for (const ok of [false, false, true, false, false]) {
    breaker.began(0);
    if (ok) breaker.succeeded();
    else breaker.failed(0);
  }
  expect([breaker.state(0), breaker.allows(0)]).toEqual(["closed", true]);
  breaker.failed(0);
  expect([breaker.state(99), breaker.allows(99)]).toEqual(["open", false]);
  expect([0, 99, 100, 101].map((now) => breaker.opensInMs(now))).toEqual([100, 1, 0, 0]);
  expect([breaker.state(100), breaker.allows(100)]).toEqual(["half_open", true]);
});

test("half-open lets one probe through, whose end decides", () => {
  const breaker = new Breaker({ failures: 1, openMs: 100 });
  breaker.failed(0);
  const first = breaker.began(100);
  expect(breaker.allows(100)).toBe(false);
  breaker.failed(150, first);
  expect([breaker.state(249), breaker.state(250)]).toEqual(["open", "half_open"]);
  const second = breaker.began(250);
  breaker.released(second);
  expect(breaker.allows(250)).toBe(true);
  breaker.succeeded(breaker.began(251));
  expect([breaker.state(251), breaker.allows(251)]).toEqual(["closed", true]);
});

test("what was sent before it opened neither closes nor prolongs it", () => {
  const breaker = new Breaker({ failures: 1, openMs: 100 });
  breaker.failed(0);
  breaker.succeeded();
  expect(breaker.state(50)).toBe("open");
  breaker.failed(50);
  expect(breaker.state(100)).toBe("half_open");
});

test("nobody but the probe decides, however those end that were sent before", () => {
  const breaker = new Breaker({ failures: 1, openMs: 100 });
  const before = breaker.began(0);
  breaker.failed(0);
  const probe = breaker.began(100);
  breaker.released(before);
  breaker.succeeded(before);
  breaker.failed(120, before);
  expect([breaker.state(120), breaker.allows(120)]).toEqual(["half_open", false]);
  breaker.succeeded(probe);
  expect(breaker.state(120)).toBe("closed");
  breaker.failed(130);
  breaker.began(230);
  // It has had its say.
  breaker.released(probe);
  expect(breaker.allows(230)).toBe(false);
});

type Did = "began" | "succeeded" | "failed" | "released" | "wait";
interface Model {
  state: BreakerState;
  row: number;
  opened: number;
  probing: boolean;
}

/** The same as a table of what each state makes of each event. */
const TABLE: Record<BreakerState, Partial<Record<Did, (model: Model, now: number) => Partial<Model>>>> = {
  closed: {
    succeeded: () => ({ row: 0 }),
    failed: ({ row }, now) => (row + 1 >= RULES.failures ? { state: "open", opened: now, row: row + 1 } : { row: row + 1 }),
  },
  open: {},
  half_open: {
    began: () => ({ probing: true }),
    released: () => ({ probing: false }),
    succeeded: ({ probing }) => (probing ? { state: "closed", row: 0, probing: false } : {}),
    failed: ({ probing }, now) => (probing ? { state: "open", opened: now, probing: false } : {}),
  },
};

test("agrees with its table whatever happens", () => {
  const events = fc.array(fc.constantFrom<Did>("began", "succeeded", "failed", "released", "wait"), { maxLength: 60 });
  const sound = fc.property(events, (dids) => {
    const breaker = new Breaker(RULES);
    let model: Model = { state: "closed", row: 0, opened: 0, probing: false };
    let now = 0;
    let probe: object | undefined;
    for (const did of dids) {
      if (did === "wait") now += 40;
      if (model.state === "open" && now >= model.opened + RULES.openMs) model.state = "half_open";
      if (did === "began" && !breaker.allows(now)) continue;
      model = { ...model, ...TABLE[model.state][did]?.(model, now) };
      if (did === "began") probe = breaker.began(now);
      else if (did === "failed") breaker.failed(now, probe);
      else if (did !== "wait") breaker[did](probe);
      expect([breaker.state(now), breaker.allows(now)]).toEqual([
        model.state,
        model.state === "closed" || (model.state === "half_open" && !model.probing),
      ]);
    }
  });
  fc.assert(sound, { numRuns: 500 });
});
