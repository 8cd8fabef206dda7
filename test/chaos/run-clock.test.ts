import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FakeClock } from "../../src/kernel/clock.ts";
import { uuidv7 } from "../../src/kernel/id.ts";
import { how, LEASE_MS, Lives } from "../../src/runs/book/book.fake.ts";
import { checkDisk } from "../../src/runs/book/on-disk.fake.ts";
import { RunRequestBody } from "../../src/runs/request.ts";
import { ScheduleBody } from "../../src/runs/schedules/body.ts";
import { Schedules } from "../../src/runs/schedules/schedules.ts";

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const JUMPS = [DAY_MS, -DAY_MS] as const;
const PROPERTY_RUNS = 25;

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: LEASE_MS - 1 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("jump" as const), ms: fc.constantFrom(...JUMPS, 3 * LEASE_MS, -3 * LEASE_MS) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), ms: fc.constant(0) }) },
);

test("a worker that beats in time keeps its attempt, and one that does not loses it on time, however the wall clock jumps", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      using lives = new Lives();
      let { book } = lives.next();
      const { id } = await book.create({}, how());
      const { token } = await book.workers.claim(id, "w");
      for (const { do: what, ms } of steps) {
        if (what === "jump") lives.clock.jumpWall(ms);
        else if (what === "restart") ({ book } = lives.next());
        else {
          await lives.pass(ms);
          expect(await book.workers.heartbeat(id, {}, { token })).toMatchObject({ lease_ms: LEASE_MS, cancel_requested: false });
        }
      }
      expect(book.get(id)).toMatchObject({ status: "running", attempt: 1, losses: 0 });
      await book.workers.heartbeat(id, {}, { token });
      lives.clock.jumpWall(DAY_MS);
      await lives.pass(LEASE_MS - 1);
      expect(book.get(id).status).toBe("running");
      lives.clock.jumpWall(-DAY_MS);
      await lives.pass(1);
      expect(book.get(id)).toMatchObject({ status: "pending", losses: 1 });
      checkDisk(lives.journal);
    }),
    { numRuns: PROPERTY_RUNS },
  );
});

describe.each(JUMPS)("a wall clock that jumps by %d ms", (jumpMs) => {
  test("leaves the timeout of a run as it was, and makes it no longer than it is over a restart", async () => {
    using lives = new Lives();
    let { book } = lives.next();
    const [first, second] = [await book.create({ timeout_ms: 60_000 }, how()), await book.create({ timeout_ms: 60_000 }, how())];
    const { token } = await book.workers.claim(first.id, "w");
    const beat = async (id: string, with_: string): Promise<void> => void (await book.workers.heartbeat(id, {}, { token: with_ }));
    await lives.pass(20_000);
    lives.clock.jumpWall(jumpMs);
    await beat(first.id, token);
    await lives.pass(20_000);
    await beat(first.id, token);
    await lives.pass(19_999);
    expect(book.get(first.id).status).toBe("running");
    await lives.pass(1);
    expect(book.get(first.id)).toMatchObject({ status: "failed", error: { code: "timeout" } });

    const claimed = await book.workers.claim(second.id, "w");
    lives.clock.jumpWall(-DAY_MS);
    ({ book } = lives.next());
    for (let n = 0; n < 4; n++) {
      await lives.pass(15_000);
      if (n < 3) await beat(second.id, claimed.token);
    }
    expect(book.get(second.id)).toMatchObject({ status: "failed", error: { code: "timeout" } });
  });

  test("between two daemons leaves checkpoints in the order in which they were recorded, page by page", async () => {
    const clocks = [new FakeClock(), new FakeClock(new FakeClock().now() + jumpMs)];
    let at = 0;
    using lives = new Lives({ newId: () => uuidv7(clocks[at] as FakeClock) });
    let { book } = lives.next();
    const { id } = await book.create({}, how());
    const made: string[] = [];
    for (; at < clocks.length; at++) {
      for (let n = 0; n < 3; n++) made.push(await book.checkpoint(id, { type: "c" }));
      lives.clock.jumpWall(jumpMs);
      ({ book } = lives.next());
    }
    const listed: string[] = [];
    for (
      let page = book.checkpoints(id, { limit: 2 });
      page.length > 0;
      page = book.checkpoints(id, { limit: 2, after: listed.at(-1) ?? "" })
    )
      listed.push(...page.map((one) => one.id));
    expect(listed).toEqual(made);
  });

  test.each(["skip", "one", "all"] as const)("makes no storm of schedules (catch_up %s), nor silences them", async (catchUp) => {
    using lives = new Lives();
    const { book, journal } = lives.next();
    const { clock } = lives;
    const schedules = new Schedules({
      journal,
      clock,
      newId: () => uuidv7(clock),
      check: () => undefined,
      fire: async ({ run, ...rest }) => void (await book.create(RunRequestBody.parse(run), rest)),
      onError: (error) => expect(error).toBeUndefined(),
    });
    schedules.start();
    for (let n = 0; n < 5; n++)
      await schedules.create(ScheduleBody.parse({ cron: "* * * * *", run: { external: true }, catch_up: catchUp }), "me");
    const runs = (): number => journal.query("SELECT id FROM runs").length;
    for (const jump of [jumpMs, -jumpMs, jumpMs]) {
      await minutes(2);
      const before = runs();
      clock.jumpWall(jump);
      await minutes(10);
      const made = runs() - before;
      // One of them may be owed for the jump, one may be lost to it.
      expect([jump, made >= 5 * 8, made <= 5 * 12]).toEqual([jump, true, true]);
    }
    await schedules.close();

    async function minutes(count: number): Promise<void> {
      for (let n = 0; n < count; n++) {
        await clock.advance(MINUTE_MS);
        await schedules.quiet();
      }
    }
  });
});
