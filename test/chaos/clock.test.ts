import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../../src/kernel/clock.ts";
import { uuidv7 } from "../../src/kernel/id.ts";
import { Journal } from "../../src/kernel/journal.ts";
import type { Slot } from "../../src/supervise/instance.ts";
import { Supervisor } from "../../src/supervise/supervisor.ts";
import { Turnstile } from "../../src/supervise/turnstile.ts";
import { slotOf } from "../spec.ts";
import { FakeWorld } from "./fake-world.ts";

const DAY_MS = 86_400_000;
const JUMPS = [DAY_MS, -DAY_MS] as const;
/** Without jitter: chance 1 is the whole delay, 1 s, 2 s, 4 s, …. */
const POLICY = { condition: "always", maxRetries: -1, resetAfterMs: 60_000, backoff: { minMs: 1000, maxMs: 30_000, factor: 2 } } as const;

function world(): FakeWorld {
  return new FakeWorld(new FakeClock(undefined, () => 1), POLICY);
}

function supervise(of: FakeWorld, slot: Partial<Slot> = {}): Supervisor {
  const pending = { state: "Pending", ready: false, reason: "initial_start", ...slot } as const;
  const supervisor = new Supervisor(slotOf("api", pending), of.ports, () => undefined);
  supervisor.start();
  return supervisor;
}

describe.each(JUMPS)("a wall clock that jumps by %d ms", (jumpMs) => {
  test("neither shortens nor stretches a backoff, and restarts nothing that runs", async () => {
    const at = world();
    supervise(at);
    await at.clock.advance(0);
    for (let crash = 0; crash < 4; crash++) {
      await at.crash();
      const began = at.clock.monotonic();
      await at.clock.advance(400);
      at.clock.jumpWall(jumpMs);
      await at.clock.advance(1000 * 2 ** crash - 401);
      expect(at.starts).toHaveLength(crash + 1);
      await at.clock.advance(1);
      expect(at.starts.at(-1)).toBe(began + 1000 * 2 ** crash);
    }
    at.clock.jumpWall(jumpMs);
    await at.clock.advance(10 * 60_000);
    expect(at.starts).toHaveLength(5);
  });

  test("while it runs does not count as readiness, nor take any away", async () => {
    const at = world();
    supervise(at);
    await at.clock.advance(0);
    for (const [crash, readyForMs] of [10_000, 59_999, 60_000].entries()) {
      await at.clock.advance(readyForMs / 2);
      at.clock.jumpWall(jumpMs);
      await at.clock.advance(readyForMs / 2);
      await at.crash();
      expect(at.stored?.retries).toBe([1, 2, 1][crash] as number);
      await at.clock.advance(1000 * 2 ** crash);
    }
  });

  test("between two daemons makes a backoff at most as long as the longest, and never a negative one", async () => {
    const before = world();
    supervise(before);
    await before.clock.advance(0);
    await before.crash();
    const found = before.stored as Slot;
    expect(found.nextStartAt).toBe(before.clock.now() + 1000);

    const after = world();
    after.clock.jumpWall(jumpMs);
    supervise(after, found);
    await after.clock.advance(0);
    expect(after.starts).toHaveLength(jumpMs > 0 ? 1 : 0);
    await after.clock.advance(POLICY.backoff.maxMs);
    expect(after.starts).toHaveLength(1);
  });

  test("leaves the timeout of a dependency alone", async () => {
    const clock = new FakeClock();
    const turnstile = new Turnstile(clock);
    const shut = { open: false, waitingFor: "db", why: "db unready", timeoutMs: 5000 } as const;
    expect(turnstile.ask(shut, false)).toMatchObject({ kind: "wait", forMs: 5000 });
    clock.jumpWall(jumpMs);
    await clock.advance(4000);
    expect(turnstile.ask(shut, false)).toMatchObject({ kind: "wait", forMs: 1000 });
    await clock.advance(1000);
    expect(turnstile.ask(shut, false)).toMatchObject({ kind: "timeout" });
  });

  test("leaves the numbers of the journal and the order of ids as they are", async () => {
    const folder = mkdtempSync(join(tmpdir(), "orco-clock-"));
    const clock = new FakeClock();
    const journal = Journal.open({ path: join(folder, "orco.db"), clock });
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) {
      await journal.append([{ topic: "run/1", type: "x", data: { n } }]);
      ids.push(uuidv7(clock));
      clock.jumpWall(n === 0 ? jumpMs : 1);
    }
    const events = journal.read({});
    journal.close();
    rmSync(folder, { recursive: true });
    expect(events.map(({ seq, topicSeq, data }) => [seq, topicSeq, data["n"]])).toEqual([
      [1, 1, 0],
      [2, 2, 1],
      [3, 3, 2],
    ]);
    expect((events[1]?.ts ?? 0) - (events[0]?.ts ?? 0)).toBe(jumpMs);
    expect(ids.toSorted()).toEqual(ids);
  });
});

test("what the former daemon knew of a backoff is kept over a restart", async () => {
  const before = world();
  supervise(before);
  await before.clock.advance(0);
  for (let crash = 0; crash < 3; crash++) {
    await before.crash();
    if (crash < 2) await before.clock.advance(1000 * 2 ** crash);
  }
  const found = before.stored as Slot;
  const after = new FakeWorld(new FakeClock(before.clock.now() + 1500, () => 1), POLICY);
  supervise(after, found);
  await after.clock.advance(2499);
  expect(after.starts).toEqual([]);
  await after.clock.advance(1);
  expect([after.starts.length, found.retries]).toEqual([1, 3]);
});
