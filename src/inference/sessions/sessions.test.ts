import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FakeClock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { Sessions, type SessionsOptions, type SessionUse } from "./sessions.ts";

const TTL_MS = 600_000;
const USE: SessionUse = { tokens: 10, ms: 100, delivered: true, replica: "pool/a" };

function sessionsOf(options: Partial<SessionsOptions> = {}): { sessions: Sessions; clock: FakeClock } {
  const clock = new FakeClock();
  return { clock, sessions: new Sessions({ clock, ttlMs: TTL_MS, ...options }) };
}

function refusalOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    if (error instanceof OrcoError) return [error.code, error.facts["retriable"], error.facts["policy_label"]];
    throw error;
  }
  return "taken";
}

describe("life", () => {
  test("a task makes one; each use keeps it for its time, a look does not", async () => {
    const { sessions, clock } = sessionsOf();
    expect(refusalOf(() => sessions.get("s"))).toEqual(["NOT_FOUND", false, undefined]);
    sessions.admit("s");
    sessions.ended("s", USE);
    await clock.advance(TTL_MS - 1);
    expect(sessions.get("s")).toMatchObject({ ttl_ms_remaining: 1, turns: 1 });
    await clock.advance(1);
    expect(refusalOf(() => sessions.get("s"))).toEqual(["NOT_FOUND", false, undefined]);
    sessions.admit("s");
    expect(sessions.get("s").turns).toBe(1);
  });

  test("a task of one that was deleted does not count for the one that has its name now", () => {
    const { sessions } = sessionsOf();
    sessions.admit("s", { taskId: "t1" });
    sessions.remove("s");
    sessions.put("s", { tokens_budget: 100 });
    sessions.admit("s", { taskId: "t2" });
    sessions.ended("s", { ...USE, task: "t1" });
    sessions.ended("s", { ...USE, tokens: 60, task: "t2" });
    expect(sessions.get("s")).toMatchObject({ turns: 1, tokens_budget_remaining: 40 });
  });

  test("one with a task under way does not expire", async () => {
    const { sessions, clock } = sessionsOf({ ttlMs: 1000 });
    sessions.admit("s");
    await clock.advance(5000);
    expect(sessions.get("s").ttl_ms_remaining).toBe(1000);
    sessions.ended("s", USE);
    await clock.advance(999);
    expect(sessions.get("s").ttl_ms_remaining).toBe(1);
  });

  test("what is absent of a change stays as it is", () => {
    const { sessions } = sessionsOf();
    sessions.put("s", { ttl_ms: 5000, tokens_budget: 7 });
    expect(sessions.put("s", { cost_budget: 2 })).toMatchObject({
      ttl_ms_remaining: 5000,
      tokens_budget_remaining: 7,
      cost_budget_remaining: 2,
    });
  });

  test("a task that outlives its session touches no other", () => {
    const { sessions } = sessionsOf();
    sessions.admit("s");
    sessions.remove("s");
    sessions.put("s", { tokens_budget: 5 });
    sessions.ended("s", USE);
    expect(sessions.get("s")).toMatchObject({ turns: 0, tokens_budget_remaining: 5 });
  });

  test("of too many the least lately used idle ones go; with tasks under way in all of them a new one is refused", () => {
    const { sessions } = sessionsOf({ maxSessions: 3 });
    for (const id of ["a", "b", "c"]) sessions.admit(id);
    expect(refusalOf(() => sessions.admit("d"))).toEqual(["ADMISSION_REJECT", true, "sessions"]);
    for (const id of ["b", "a"]) sessions.ended(id, USE);
    sessions.admit("d");
    expect(refusalOf(() => sessions.get("b"))).toEqual(["NOT_FOUND", false, undefined]);
    expect(["a", "c", "d"].map((id) => sessions.get(id).turns)).toEqual([1, 1, 1]);
  });
});

describe("budgets", () => {
  test("eight turns, and of two tasks at once only one has the last", () => {
    const { sessions } = sessionsOf();
    const outcomes = Array.from({ length: 9 }, () => refusalOf(() => sessions.admit("s")));
    expect(outcomes.filter((outcome) => outcome === "taken")).toHaveLength(8);
    expect(outcomes[8]).toEqual(["ADMISSION_REJECT", false, "session_turns"]);
  });

  test("a task that failed before its first token gives its turn back and uses nothing", () => {
    const { sessions } = sessionsOf();
    sessions.put("s", { max_turns: 1, tokens_budget: 100 });
    sessions.admit("s");
    expect(refusalOf(() => sessions.admit("s"))).toEqual(["ADMISSION_REJECT", false, "session_turns"]);
    sessions.ended("s", { tokens: 3, ms: 5, delivered: false });
    expect(sessions.get("s")).toMatchObject({ turns: 0, tokens_budget_remaining: 100, kv_warmth: 0 });
    expect(refusalOf(() => sessions.admit("s"))).toBe("taken");
  });

  test("each is refused under its own name once nothing is left of it", () => {
    const limits = {
      session_tokens: { tokens_budget: 10 },
      session_time: { time_budget_ms: 100 },
      session_cost: { cost_budget: 0.02 },
    };
    for (const [label, limit] of Object.entries(limits)) {
      const { sessions } = sessionsOf({ pricePer1k: 2 });
      sessions.put("s", limit);
      sessions.admit("s");
      sessions.ended("s", USE);
      expect(refusalOf(() => sessions.admit("s"))).toEqual(["ADMISSION_REJECT", false, label]);
      expect(Object.values(sessions.get("s"))).toContain(0);
    }
  });

  test("more than there was is never less than nothing; without a price nothing costs", () => {
    const { sessions } = sessionsOf();
    sessions.put("s", { tokens_budget: 3, cost_budget: 1 });
    sessions.admit("s");
    sessions.ended("s", USE);
    expect(sessions.get("s")).toMatchObject({ tokens_budget_remaining: 0, time_budget_remaining_ms: null, cost_budget_remaining: 1 });
  });

  test("whatever comes and goes, the turns are those under way and those delivered, and never too many", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("admit", "deliver", "fail"), { maxLength: 60 }), (steps) => {
        const { sessions } = sessionsOf();
        sessions.put("s", {});
        let [underWay, delivered] = [0, 0];
        for (const step of steps) {
          if (step === "admit") underWay += refusalOf(() => sessions.admit("s")) === "taken" ? 1 : 0;
          else if (underWay > 0) {
            sessions.ended("s", { ...USE, delivered: step === "deliver" });
            underWay -= 1;
            if (step === "deliver") delivered += 1;
          }
          expect(sessions.get("s").turns).toBe(underWay + delivered);
          expect(underWay + delivered).toBeLessThanOrEqual(8);
        }
      }),
    );
  });
});

describe("warmth", () => {
  function answer(sessions: Sessions, id: string, replica = "pool/a"): void {
    sessions.admit(id);
    sessions.ended(id, { ...USE, replica });
  }

  test("is whole just after an answer, and fades with time and with answers to others, not with its own", async () => {
    const { sessions, clock } = sessionsOf();
    for (let n = 0; n < 5; n++) answer(sessions, "s");
    expect(sessions.get("s").kv_warmth).toBe(1);
    for (let n = 0; n < 4; n++) answer(sessions, `other${n}`);
    expect(sessions.get("s").kv_warmth).toBe(0.5);
    answer(sessions, "elsewhere", "pool/b");
    await clock.advance(120_000);
    expect([sessions.get("s").kv_warmth, sessions.get("elsewhere").kv_warmth]).toEqual([0.25, 0.5]);
  });

  test("is none where the replica has gone, though one of its name comes back", () => {
    const { sessions } = sessionsOf();
    answer(sessions, "s");
    sessions.replicaGone("pool/a");
    answer(sessions, "t");
    expect([sessions.get("s").kv_warmth, sessions.get("t").kv_warmth]).toEqual([0, 1]);
  });
});
