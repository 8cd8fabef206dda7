import { describe, expect, test } from "bun:test";
import { FakeClock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import { registration } from "../inference/nodes/nodes.fake.ts";
import { Heart } from "./heart.ts";

const away = new OrcoError("unreachable", "nobody answers");

/** A control plane that fails as it is told to, and the node that talks to it. */
class HeartRig {
  readonly clock: FakeClock;
  readonly calls: string[] = [];
  readonly lines: string[] = [];
  failure: OrcoError | undefined;
  /** Before it can even ask: it has no way there. */
  noWay: OrcoError | undefined;
  knows = false;
  reply: { success: true; next_heartbeat_ms: number; stale_ms?: number } = { success: true, next_heartbeat_ms: 10_000 };
  readonly heart: Heart;
  private readonly over = new AbortController();
  readonly ended: Promise<unknown>;

  constructor(chance = 0.5, failure?: OrcoError) {
    this.clock = new FakeClock(undefined, () => chance);
    this.failure = failure;
    this.heart = new Heart({
      clock: this.clock,
      control: {
        register: async () => this.answer("register", () => (this.knows = true)),
        heartbeat: async () =>
          this.answer("beat", () => {
            if (!this.knows) throw new OrcoError("NOT_FOUND", "who?");
          }),
      },
      registration: async () => {
        if (this.noWay) throw this.noWay;
        return registration();
      },
      pools: async () => [],
      say: (line) => void this.lines.push(line),
    });
    this.ended = this.heart.run(this.over.signal).catch((error: unknown) => error);
  }

  stop(): Promise<unknown> {
    this.over.abort();
    return this.ended;
  }

  private answer(call: string, act: () => unknown) {
    this.calls.push(call);
    if (this.failure) throw this.failure;
    act();
    return this.reply;
  }
}

describe("a node", () => {
  test("registers, then beats as often as it is told", async () => {
    const rig = new HeartRig();
    await rig.clock.advance(29_999);
    expect(rig.calls).toEqual(["register", "beat", "beat"]);
    await rig.stop();
  });

  test("beats three times within what would make it stale", async () => {
    const rig = new HeartRig();
    rig.reply = { success: true, next_heartbeat_ms: 10_000, stale_ms: 1_500 };
    await rig.clock.advance(1_500);
    expect(rig.calls).toEqual(["register", "beat", "beat", "beat"]);
    await rig.stop();
  });

  test("beats at once when something has changed", async () => {
    const rig = new HeartRig();
    await rig.clock.advance(1);
    rig.heart.beat();
    await rig.clock.advance(0);
    expect(rig.calls).toEqual(["register", "beat"]);
    await rig.stop();
  });

  test("registers again when it was forgotten, at once", async () => {
    const rig = new HeartRig();
    await rig.clock.advance(1);
    rig.knows = false;
    await rig.clock.advance(10_000);
    expect(rig.calls).toEqual(["register", "beat", "register"]);
    await rig.stop();
  });

  test("survives the control plane's absence: slower and slower, and one line for each change", async () => {
    const rig = new HeartRig(1);
    await rig.clock.advance(1);
    rig.failure = away;
    await rig.clock.advance(10_000);
    const before = rig.calls.length;
    await rig.clock.advance(60_000);
    const tries = rig.calls.length - before;
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThan(12);
    rig.heart.beat();
    await rig.clock.advance(0);
    expect(rig.calls.length - before).toBe(tries);
    rig.failure = undefined;
    await rig.clock.advance(10_000);
    expect(rig.lines).toEqual([
      "registered as node gpu-1 at http://10.0.0.5:9200",
      "the control plane cannot be told: nobody answers; it is tried again and again",
      "the control plane answers again",
    ]);
    await rig.stop();
  });

  test("may begin before the control plane does", async () => {
    const rig = new HeartRig(0.5, away);
    await rig.clock.advance(5_000);
    rig.failure = undefined;
    await rig.clock.advance(10_000);
    expect(rig.knows).toBe(true);
    await rig.stop();
  });

  test("may be known from the moment it asks to be, until it is told that it is not", async () => {
    const rig = new HeartRig(0.5, away);
    await rig.clock.advance(1);
    expect(rig.heart.mayBeKnown).toBe(true);
    rig.failure = undefined;
    await rig.clock.advance(10_000);
    rig.knows = false;
    rig.noWay = away;
    await rig.clock.advance(10_000);
    expect(rig.calls.at(-1)).toBe("beat");
    expect(rig.heart.mayBeKnown).toBe(false);
    await rig.stop();
  });

  test("gives up when the control plane refuses it from the first", async () => {
    const refusal = new OrcoError("unauthorized", "the API key is wrong");
    const rig = new HeartRig(0.5, refusal);
    expect(await rig.ended).toBe(refusal);
  });

  test("does not give up because of a refusal later on, and leaves no timer", async () => {
    const rig = new HeartRig();
    await rig.clock.advance(1);
    rig.failure = new OrcoError("unauthorized", "the key was changed");
    await rig.clock.advance(20_000);
    rig.failure = undefined;
    await rig.clock.advance(10_000);
    expect(rig.calls.at(-1)).toBe("beat");
    expect(await rig.stop()).toBeUndefined();
    expect(rig.clock.pendingTimers).toBe(0);
  });
});
