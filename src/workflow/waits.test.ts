import { afterEach, describe, expect, test } from "bun:test";
import { Lives, REQUEST } from "./lives.fake.ts";
import type { Workflow } from "./define.ts";

const open: Lives[] = [];
afterEach(() => {
  for (const lives of open.splice(0)) lives[Symbol.dispose]();
});

function livesOf(work: Workflow): Lives {
  const lives = new Lives(() => ({ work, next: async () => null }));
  open.push(lives);
  return lives;
}

const waiting: Workflow = async ({ waitFor }) => waitFor("signal", { what: "a signal", timeoutMs: 10_000 });
const HOUR = 3_600_000;

/** Lets the run come to its wait. */
async function waits(lives: Lives, run: string): Promise<void> {
  while (!lives.story(run).includes("step.waiting signal")) await new Promise(setImmediate);
}

describe("waitFor", () => {
  test("gets what is delivered, once; it shows as waiting meanwhile", async () => {
    const lives = livesOf(waiting);
    const life = lives.next();
    const { id } = await life.runs.submit(REQUEST);
    await waits(lives, id);
    expect(life.runs.steps(id)).toMatchObject([{ name: "signal", status: "waiting", waiting: { kind: "wait", summary: "a signal" } }]);
    const answers = await Promise.allSettled([life.runs.deliver(id, "signal", { n: 1 }), life.runs.deliver(id, "signal", { n: 2 })]);
    expect(answers.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(await lives.drive(life, id)).toMatchObject({ status: "completed", result: { n: 1 } });
    expect(life.runs.deliver(id, "signal", 3)).rejects.toMatchObject({ code: "conflict" });
    expect(life.runs.deliver("01890000-0000-7000-8000-000000000000", "signal", 3)).rejects.toMatchObject({ code: "not_found" });
  });

  test("gets what was delivered before, while the run was queued, and across a daemon", async () => {
    const lives = livesOf(waiting);
    const life = lives.next();
    await life.runs.submit({ ...REQUEST, input: { first: true } });
    const { id } = await life.runs.submit(REQUEST);
    await life.runs.deliver(id, "signal", "early");
    expect(life.runs.deliver(id, "signal", "again")).rejects.toMatchObject({ code: "conflict", facts: { status: "delivered" } });
    const second = lives.next();
    second.runs.resume();
    expect(await lives.drive(second, id)).toMatchObject({ status: "completed", result: "early" });
  });

  test("fails with timeout at the deadline it had first, whatever daemon it is in by then", async () => {
    const lives = livesOf(waiting);
    const { id } = await lives.next().runs.submit(REQUEST);
    await waits(lives, id);
    await lives.clock.advance(6000);
    const second = lives.next();
    second.runs.resume();
    await lives.clock.advance(3900);
    expect(second.runs.get(id).status).toBe("running");
    expect(await lives.drive(second, id)).toMatchObject({ status: "failed", error: { code: "timeout" } });
    expect(lives.clock.monotonic()).toBeLessThan(12_000);
  });

  test("a wall clock that jumps moves no deadline within a daemon, and none beyond its full length across daemons", async () => {
    const lives = livesOf(waiting);
    const life = lives.next();
    const { id } = await life.runs.submit(REQUEST);
    await waits(lives, id);
    lives.clock.jumpWall(24 * HOUR);
    await lives.clock.advance(9000);
    expect(life.runs.get(id).status).toBe("running");
    lives.clock.jumpWall(-48 * HOUR);
    const second = lives.next();
    second.runs.resume();
    await lives.clock.advance(9900);
    expect(second.runs.get(id).status).toBe("running");
    expect(await lives.drive(second, id)).toMatchObject({ status: "failed", error: { code: "timeout" } });
  });

  test("takes no answer after its deadline, none for a step, none for what is cancelled", async () => {
    const gate = Promise.withResolvers<null>();
    const lives = livesOf(async ({ step, waitFor }) => {
      await step("work", () => gate.promise);
      return waitFor("signal", { what: "a signal" });
    });
    const life = lives.next();
    const { id } = await life.runs.submit(REQUEST);
    while (!lives.story(id).includes("step.running work")) await new Promise(setImmediate);
    expect(life.runs.deliver(id, "work", 1)).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("does not wait") });
    const cancelled = life.runs.cancel(id);
    while (life.runs.get(id).cancelling === undefined) await new Promise(setImmediate);
    expect(life.runs.deliver(id, "signal", 1)).rejects.toMatchObject({ code: "conflict" });
    gate.resolve(null);
    expect(await cancelled).toMatchObject({ status: "cancelled" });
  });

  test("values and names are bounded", async () => {
    const lives = livesOf(waiting);
    const { runs } = lives.next();
    const { id } = await runs.submit(REQUEST);
    expect(runs.deliver(id, "signal", "x".repeat(300_000))).rejects.toMatchObject({ code: "too_large" });
    expect(runs.deliver(id, "", 1)).rejects.toMatchObject({ code: "invalid" });
    const early = await Promise.allSettled(Array.from({ length: 80 }, (_, n) => runs.deliver(id, `other ${n}`, n)));
    expect(early.filter(({ status }) => status === "fulfilled").length).toBe(64);
  });
});
