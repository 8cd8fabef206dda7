import { describe, expect, test } from "bun:test";
import { refused } from "../kernel/journal-fixture.ts";
import { how, LEASE_MS, Lives, planOf, settled, step } from "./book/book.fake.ts";
import { MAX_LOSSES } from "./book/moves.ts";
import { checkDisk } from "./book/on-disk.fake.ts";

const plan = planOf(step("a"));
const lane = (policy: "queue" | "reject" | "replace", limit = 1) => ({ concurrency_key: "k", concurrency: { policy, limit } });

describe("lanes", () => {
  test("a run whose turn it is begins in the one transaction that makes it, and not at all when that fails", async () => {
    using lives = new Lives();
    const { book, journal, driven } = lives.next();
    const before = journal.writes;
    const { id } = await book.create({ ...plan, ...lane("queue") }, how());
    expect([journal.writes - before, book.get(id).status, driven.map((run) => run.id)]).toEqual([1, "running", [id]]);
    expect(journal.read({ topic: `run/${id}` }).map(({ type }) => type)).toEqual(["run.pending", "run.running"]);
    await book.ledger(id).finish({ status: "completed" });
    journal.full = true;
    expect(await refused(() => book.create({ ...plan, ...lane("queue") }, how()))).toMatchObject({ code: "disk_full" });
    journal.full = false;
    const next = await book.create({ ...plan, ...lane("queue") }, how());
    expect(driven.map((run) => run.id)).toEqual([id, next.id]);
  });

  test("one after the other, by priority; the next daemon knows who is under way and who waits", async () => {
    using lives = new Lives();
    const first = lives.next();
    const a = await first.book.create({ ...plan, ...lane("queue") }, how());
    await settled();
    const b = await first.book.create({ ...plan, ...lane("queue") }, how());
    const c = await first.book.create({ ...plan, ...lane("queue"), priority: 1 }, how());
    await settled();
    expect(first.driven.map((run) => run.id)).toEqual([a.id]);
    const second = lives.next();
    await settled();
    expect(second.driven.map((run) => [run.id, run.attempt])).toEqual([[a.id, 1]]);
    await second.book.ledger(a.id).finish({ status: "completed" });
    await settled();
    await second.book.ledger(c.id).finish({ status: "completed" });
    await settled();
    expect(second.driven.map((run) => run.id)).toEqual([a.id, c.id, b.id]);
  });

  test("a full lane refuses, also two at once; or the oldest gives way", async () => {
    using lives = new Lives();
    const { book } = lives.next();
    const two = await Promise.allSettled([book.create(lane("reject"), how()), book.create(lane("reject"), how())]);
    expect(two).toMatchObject([{ status: "fulfilled" }, { status: "rejected", reason: { code: "busy" } }]);
    const [first] = two;
    const id = first.status === "fulfilled" ? first.value.id : "";
    expect(await refused(() => book.create(lane("reject"), how()))).toMatchObject({ code: "busy", facts: { run: id } });
    const next = await book.create(lane("replace"), how());
    await settled();
    expect([book.get(id).status, book.get(next.id).status]).toEqual(["canceled", "pending"]);
    expect(lives.journal.read({ topic: `run/${id}` }).at(-1)?.data).toMatchObject({
      status: "canceled",
      reason: `replaced by run ${next.id}`,
    });
  });

  test("who was to give way does so in the next daemon, and after the disk was full", async () => {
    using lives = new Lives();
    const first = lives.next({ at: 3, when: "before" });
    const [a, b] = [await first.book.create(lane("queue"), how()), await first.book.create(lane("replace"), how())];
    await settled();
    expect(first.journal.dead).toBe(true);
    const second = lives.next();
    await settled();
    expect([second.book.get(a.id), second.book.get(b.id)]).toMatchObject([{ status: "canceled" }, { status: "pending" }]);
    const { writes } = second.journal;
    const made = second.book.create(lane("replace"), how());
    while (second.journal.writes === writes) await Promise.resolve();
    second.journal.full = true;
    await settled();
    expect(second.book.get(b.id).status).toBe("pending");
    second.journal.full = false;
    await lives.pass(1000);
    expect([second.book.get(b.id), second.book.get((await made).id)]).toMatchObject([{ status: "canceled" }, { status: "pending" }]);
    expect(lives.clock.pendingTimers).toBe(0);
  });

  test("a run that cannot be driven has failed, rather than to wait for its driver for ever", async () => {
    using lives = new Lives({
      onDrive: () => {
        throw new Error("no driver");
      },
    });
    const { book, errors } = lives.next();
    const { id } = await book.create(plan, how());
    await settled();
    expect(book.get(id)).toMatchObject({ status: "failed", error: { code: "internal", message: expect.stringContaining("no driver") } });
    expect(errors).toHaveLength(1);
  });

  test("an external run of a full lane cannot be claimed until the other has ended, or its worker was lost", async () => {
    using lives = new Lives();
    const { book } = lives.next();
    const [a, b] = [await book.create(lane("queue"), how()), await book.create(lane("queue"), how())];
    await book.workers.claim(a.id, "w");
    expect(await refused(() => book.workers.claim(b.id, "w"))).toMatchObject({ code: "busy", facts: { retry_after_s: 1 } });
    await lives.pass(LEASE_MS);
    await book.workers.claim(b.id, "w");
    expect(await refused(() => book.workers.claim(a.id, "w"))).toMatchObject({ code: "busy" });
  });

  test("what only waits for somebody leaves its place to others, also over a restart, and is driven on when it is answered", async () => {
    using lives = new Lives({ maxRuns: 1 });
    const first = lives.next();
    const [a, b, c] = [await first.book.create(plan, how()), await first.book.create(plan, how()), await first.book.create(plan, how())];
    await settled();
    const since = lives.clock.now();
    const gate = { kind: "approval" as const, summary: "well?", since, contentHash: "" };
    await first.book.ledger(a.id).record([
      { step: "a", event: "begin" },
      { step: "gate", event: "wait", waiting: gate },
    ]);
    await settled();
    expect(first.driven.map((run) => run.id)).toEqual([a.id]);
    await first.book.ledger(a.id).record([{ step: "a", event: "finish" }]);
    await settled();
    expect(first.driven.map((run) => run.id)).toEqual([a.id, b.id]);
    const second = lives.next();
    await settled();
    expect(second.driven.map((run) => run.id)).toEqual([a.id, b.id]);
    let told = 0;
    second.book.ledger(a.id).onChange(() => (told += 1));
    await second.book.decide(a.id, { decision: "approve", approver: { id: "me" } });
    expect(told).toBe(1);
    await second.book.ledger(b.id).finish({ status: "completed" });
    await settled();
    expect(second.driven.map((run) => run.id)).toEqual([a.id, b.id]);
    await second.book.ledger(a.id).finish({ status: "completed" });
    await settled();
    expect(second.driven.map((run) => run.id)).toEqual([a.id, b.id, c.id]);
  });

  test("what cannot be begun on a full disk is begun when there is room", async () => {
    using lives = new Lives();
    const { book, driven, journal, errors } = lives.next();
    const creating = book.create(plan, how());
    await creating;
    journal.full = true;
    await settled();
    const { id } = await creating;
    await lives.pass(1000);
    if (driven.length === 0) expect(errors.length).toBeGreaterThan(0);
    journal.full = false;
    await lives.pass(1000);
    expect(driven.map((run) => run.id)).toEqual([id]);
    journal.full = true;
    const ledger = book.ledger(id);
    expect(await refused(() => ledger.record([{ step: "a", event: "begin" }]))).toMatchObject({ code: "disk_full" });
    expect(ledger.snapshot().steps.size).toBe(0);
    expect(await refused(() => book.create(lane("reject"), how()))).toMatchObject({ code: "disk_full" });
    journal.full = false;
    await ledger.record([{ step: "a", event: "begin" }]);
    await book.create(lane("reject"), how());
    checkDisk(lives.journal);
  });
});

describe("leases", () => {
  test("a worker that beats keeps its run, also over a restart; one that does not loses it, and its token with it", async () => {
    using lives = new Lives();
    let { book } = lives.next();
    const { id } = await book.create({}, how());
    const { token } = await book.workers.claim(id, "w");
    for (let n = 0; n < 3; n++) {
      await lives.pass(LEASE_MS - 1);
      await book.workers.heartbeat(id, {}, { token });
    }
    await lives.pass(LEASE_MS - 1);
    ({ book } = lives.next());
    await lives.pass(LEASE_MS - 1);
    lives.clock.jumpWall(10 * LEASE_MS);
    expect(book.get(id)).toMatchObject({ status: "running" });
    expect(await refused(() => book.workers.claim(id, "x"))).toMatchObject({ code: "busy", facts: { worker: "w", retry_after_s: 1 } });
    await lives.pass(1);
    expect(book.get(id)).toMatchObject({ status: "pending", losses: 1 });
    expect(await refused(() => book.workers.heartbeat(id, {}, { token }))).toMatchObject({ code: "stale_attempt" });
    expect(lives.journal.read({ topic: `run/${id}` }).at(-1)?.data).toMatchObject({ reason: "worker w was lost: its lease ran out" });
  });

  test(`${MAX_LOSSES} losses without progress end the run; progress counts`, async () => {
    using lives = new Lives();
    const { book } = lives.next();
    const { id } = await book.create({ webhook: { url: "http://hook", secret_env: "S" } }, how());
    for (let n = 1; n < 2 * MAX_LOSSES; n++) {
      const { token } = await book.workers.claim(id, "w");
      if (n === MAX_LOSSES - 1) await book.workers.report(id, { checkpoints: [{ type: "p" }] }, { token });
      await lives.pass(LEASE_MS);
      if (book.get(id).status === "failed") break;
    }
    expect(book.get(id)).toMatchObject({ status: "failed", attempt: 2 * MAX_LOSSES - 2, error: { code: "worker_lost" } });
    checkDisk(lives.journal);
  });

  test("timeout_ms counts from the first start, over workers and restarts", async () => {
    using lives = new Lives();
    let { book } = lives.next();
    const { id } = await book.create({ timeout_ms: 3 * LEASE_MS }, how());
    await book.workers.claim(id, "w");
    await lives.pass(LEASE_MS);
    ({ book } = lives.next());
    await lives.pass(LEASE_MS * 2 - 1);
    expect(book.get(id).status).toBe("pending");
    await lives.pass(1);
    expect(book.get(id)).toMatchObject({ status: "failed", error: { code: "timeout" } });
    expect(lives.clock.pendingTimers).toBe(0);
  });
});

describe("a run of redis", () => {
  test("is dispatched once with what is owed, claimed with its number by nobody else, and dispatched anew when its worker is lost", async () => {
    using lives = new Lives();
    const { book, redis, withdrawn } = lives.next();
    const owed = () => lives.journal.query<{ id: string }>("SELECT id FROM outbox WHERE kind = 'redis'").map((row) => row.id);
    const { id } = await book.create(plan, how("redis"));
    await settled();
    expect([redis, owed()]).toEqual([[{ run: id, dispatch: 1 }], [`run-${id}-d1`]]);
    expect(await refused(() => book.workers.claim(id, "x"))).toMatchObject({ code: "not_external" });
    expect(await refused(() => book.workers.claim(id, { worker: "x", dispatch: 2 }))).toMatchObject({ code: "stale_attempt" });
    await book.workers.claim(id, { worker: "w", dispatch: 1 });
    await lives.pass(LEASE_MS);
    expect(redis.at(-1)).toEqual({ run: id, dispatch: 2 });
    await book.redispatch(id, 1);
    await book.redispatch(id, 2);
    expect(redis.at(-1)).toEqual({ run: id, dispatch: 3 });
    await book.pause(id);
    expect([withdrawn, owed()]).toEqual([[id], []]);
    await book.resume(id);
    await settled();
    expect(redis.at(-1)).toEqual({ run: id, dispatch: 4 });
    await book.cancel(id);
    expect([withdrawn, owed()]).toEqual([[id, id], []]);
  });

  test("keeps its number and its place over a restart; where there is no redis none is taken", async () => {
    using lives = new Lives();
    const first = lives.next();
    const { id } = await first.book.create({ ...plan, ...lane("queue") }, how("redis"));
    const other = await first.book.create({ ...plan, ...lane("queue") }, how("redis"));
    await settled();
    const { book, redis } = lives.next();
    await settled();
    expect([redis, book.get(id).dispatch, book.get(other.id).dispatch]).toEqual([[], 1, 0]);
    expect(await refused(() => book.workers.claim(other.id, { worker: "w", dispatch: 0 }))).toMatchObject({ code: "busy" });
    await book.workers.claim(id, { worker: "w", dispatch: 1 });
    expect(await refused(() => book.create(plan, how("k8s")))).toMatchObject({ code: "unavailable" });
    expect(await refused(() => book.create({}, how("redis")))).toMatchObject({ code: "invalid" });
    expect(await refused(() => book.workers.claim(other.id, { worker: "w", dispatch: 1 }))).toMatchObject({ code: "stale_attempt" });
  });
});
