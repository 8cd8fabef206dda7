import { describe, expect, test } from "bun:test";
import { refused } from "../kernel/journal-fixture.ts";
import { contentHash } from "../workflow/approval.ts";
import { how, LEASE_MS, type Life, Lives, planOf, settled, step } from "./book/book.fake.ts";
import { checkDisk } from "./book/on-disk.fake.ts";

const me = { id: "me", role: "owner" };

async function claimed(life: Life, worker = "w"): Promise<{ id: string; token: string }> {
  const { id } = await life.book.create({}, how());
  return { id, token: (await life.book.workers.claim(id, worker)).token };
}

describe("canceling", () => {
  test("ends at once what nobody executes and what a worker holds; its heartbeat says so, everything else is refused", async () => {
    using lives = new Lives();
    const life = lives.next();
    const { id } = await life.book.create({}, how());
    expect(await life.book.cancel(id, { reason: "no need" })).toMatchObject({ status: "canceled" });
    expect(await life.book.cancel(id)).toMatchObject({ status: "canceled" });
    const { id: held, token } = await claimed(life);
    await life.book.workers.report(held, { changes: [{ step: "a", event: "begin" }] }, { token });
    await life.book.cancel(held);
    expect(lives.story(held)).toEqual(["run.pending", "run.running", "step.running a", "step.canceled a", "run.canceled"]);
    expect(await life.book.workers.heartbeat(held, {}, { token })).toMatchObject({ cancel_requested: true });
    expect(await refused(() => life.book.workers.report(held, {}, { token }))).toMatchObject({
      code: "conflict",
      facts: { from: "canceled" },
    });
    expect(await refused(() => life.book.workers.claim(held, "x"))).toMatchObject({ code: "conflict" });
    expect(await refused(() => life.book.cancel("01890000-0000-7000-8000-000000000000"))).toMatchObject({ code: "not_found" });
  });

  test("of a run that is driven here waits for its driver, who may not complete it any more; force is told too", async () => {
    using lives = new Lives();
    const { book } = lives.next();
    const { id } = await book.create(planOf(step("a")), how());
    await settled();
    const ledger = book.ledger(id);
    const told: unknown[] = [];
    ledger.onChange(() => told.push(ledger.snapshot().run.cancelling));
    await ledger.record([{ step: "a", event: "begin" }]);
    const first = book.cancel(id);
    const second = book.cancel(id, { force: true });
    await settled();
    expect(told).toEqual([
      { reason: "canceled by request", force: false },
      { reason: "canceled by request", force: true },
    ]);
    expect(await refused(() => book.pause(id))).toMatchObject({ code: "conflict" });
    await ledger.record([{ step: "a", event: "stop" }]);
    await ledger.finish({ status: "completed" });
    expect(await Promise.all([first, second])).toMatchObject([{ status: "canceled" }, { status: "canceled" }]);
    expect(book.get(id)).not.toHaveProperty("cancelling");
    checkDisk(lives.journal);
  });

  test("one that fails all the same is a conflict for who canceled it before it was known", async () => {
    using lives = new Lives();
    const { book } = lives.next();
    const { id } = await book.create(planOf(step("a")), how());
    await settled();
    const finishing = book.ledger(id).finish({ status: "failed", error: { code: "x", message: "x" } });
    expect(await refused(() => book.cancel(id))).toMatchObject({ code: "conflict", facts: { from: "failed", to: "canceled" } });
    await finishing;
  });
});

describe("pausing", () => {
  test("keeps a run from beginning, and lets it begin", async () => {
    using lives = new Lives({ maxRuns: 1 });
    const { book, driven } = lives.next();
    const [one, two, three] = [
      await book.create(planOf(step("a")), how()),
      await book.create(planOf(step("a")), how()),
      await book.create({}, how()),
    ];
    await book.pause(two.id);
    await book.pause(three.id);
    expect(await refused(() => book.workers.claim(three.id, "w"))).toMatchObject({ code: "conflict", facts: { from: "paused" } });
    await book.ledger(one.id).finish({ status: "completed" });
    await settled();
    expect(driven).toHaveLength(1);
    expect(await book.resume(two.id)).toMatchObject({ status: "pending" });
    await settled();
    expect(driven.map((run) => run.id)).toEqual([one.id, two.id]);
    expect(await book.pause(two.id)).toMatchObject({ status: "paused" });
    expect(await book.pause(two.id)).toMatchObject({ status: "paused" });
    expect(await book.resume(two.id)).toMatchObject({ status: "running" });
    expect(await book.resume(two.id)).toMatchObject({ status: "running" });
  });

  test("tells the worker, whose lease goes on; when it is lost meanwhile, the run waits for another after it is resumed", async () => {
    using lives = new Lives();
    const life = lives.next();
    const { id, token } = await claimed(life);
    const { seen } = await life.book.workers.heartbeat(id, {}, { token });
    const asked = life.book.workers.heartbeat(id, { seen, wait_ms: 5000 }, { token });
    await life.book.pause(id);
    expect(await asked).toMatchObject({ paused: true, seen: seen + 1 });
    await lives.pass(LEASE_MS);
    expect(life.book.get(id)).toMatchObject({ status: "paused", losses: 1 });
    expect(await life.book.resume(id)).toMatchObject({ status: "pending" });
    expect((await life.book.workers.claim(id, "other")).attempt).toBe(2);
  });
});

describe("signals", () => {
  const wait = (signal: string) => ({ event: "wait" as const, waiting: { kind: "wait" as const, summary: signal, since: 0, signal } });

  test("answer who waits, and who comes to wait later; the same again is taken, other data is not", async () => {
    using lives = new Lives();
    const life = lives.next();
    const { id, token } = await claimed(life);
    await life.book.workers.report(id, { changes: [{ step: "a", ...wait("go") }] }, { token });
    await life.book.signal(id, "go", { n: 1 });
    await life.book.signal(id, "go", { n: 1 });
    expect(await refused(() => life.book.signal(id, "go", { n: 2 }))).toMatchObject({ code: "conflict" });
    const again = lives.next();
    await again.book.workers.report(id, { changes: [{ step: "b", ...wait("go") }] }, { token });
    const { steps } = await again.book.workers.heartbeat(id, { seen: 0 }, { token });
    expect(steps.map((one) => [one.id, one.status, one.outputs])).toEqual([
      ["a", "completed", { data: { n: 1 } }],
      ["b", "completed", { data: { n: 1 } }],
    ]);
    checkDisk(lives.journal);
  });

  test("are bounded in number, size and name", async () => {
    using lives = new Lives();
    const { book } = lives.next();
    const { id } = await book.create({}, how());
    for (let n = 0; n < 64; n++) await book.signal(id, `s${n}`, n);
    expect(await refused(() => book.signal(id, "one more", 1))).toMatchObject({ code: "too_large" });
    expect(await refused(() => book.signal(id, "s0", "x".repeat(256 * 1024)))).toMatchObject({ code: "too_large" });
    expect(await refused(() => book.signal(id, "", 1))).toMatchObject({ code: "invalid" });
  });
});

describe("approvals", () => {
  async function asking() {
    const lives = new Lives();
    const { book } = lives.next();
    const { id } = await book.create(planOf(step("gate"), step("other")), how());
    await settled();
    const content = { what: "this" };
    const waiting = { kind: "approval" as const, summary: "?", since: 0, content, contentHash: contentHash(content), roles: ["owner"] };
    await book.ledger(id).record([{ step: "gate", event: "wait", waiting }]);
    return { lives, book, id, waiting };
  }

  test("complete or fail the step that waits, once, and tell the driver", async () => {
    const { lives, book, id } = await asking();
    using _ = lives;
    const ledger = book.ledger(id);
    const told: string[] = [];
    ledger.onChange(() => told.push(ledger.snapshot().steps.get("gate")?.status ?? ""));
    const waits = book.settled(id, undefined, { orWaiting: true });
    expect(await waits).toMatchObject({ status: "running" });
    const both = await Promise.allSettled([
      book.decide(id, { decision: "approve", approver: me, content_hash: contentHash({ what: "this" }) }),
      book.decide(id, { decision: "reject", approver: me }),
    ]);
    expect(both).toMatchObject([{ status: "fulfilled" }, { status: "rejected", reason: { code: "approval_not_applicable" } }]);
    expect(told).toEqual(["completed"]);
    expect(ledger.snapshot().steps.get("gate")).toMatchObject({
      message: "approved by me",
      outputs: { decision: "approve", approver: me },
    });
    expect(await refused(() => ledger.record([{ step: "gate", event: "fail" }]))).toMatchObject({
      code: "conflict",
      facts: { step: "gate" },
    });
  });

  test("are refused for another content, the wrong role, without a name where several wait; rejected is approval_denied", async () => {
    const { lives, book, id, waiting } = await asking();
    using _ = lives;
    expect(await refused(() => book.decide(id, { decision: "approve", approver: me, content_hash: "0" }))).toMatchObject({
      code: "approval_void",
      facts: { content_hash: waiting.contentHash },
    });
    expect(await refused(() => book.decide(id, { decision: "approve", approver: { id: "x" } }))).toMatchObject({
      code: "forbidden",
      facts: { roles: ["owner"] },
    });
    await book.ledger(id).record([{ step: "other", event: "wait", waiting }]);
    expect(await refused(() => book.decide(id, { decision: "approve", approver: me }))).toMatchObject({
      code: "invalid",
      facts: { steps: ["gate", "other"] },
    });
    await book.decide(id, { step: "gate", decision: "reject", approver: me, comment: "no" });
    expect(book.ledger(id).snapshot().steps.get("gate")).toMatchObject({
      status: "failed",
      error: { code: "approval_denied" },
      message: "rejected by me: no",
    });
  });
});

describe("a retry", () => {
  test("is a new run that takes over what completed and rests on nothing that is executed again", async () => {
    using lives = new Lives();
    const { book } = lives.next();
    const plan = planOf(
      step("a"),
      step("b", { needs: ["a"] }),
      step("c", { needs: ["b"] }),
      step("clean", { needs: ["b"], when: "always" }),
    );
    const { id } = await book.create({ ...plan, name: "n", metadata: { m: 1 }, input: { i: 1 }, priority: 3 }, how());
    await settled();
    const ledger = book.ledger(id);
    expect(await refused(() => book.retry(id, { owner: "me" }))).toMatchObject({ code: "conflict", facts: { from: "running" } });
    await ledger.record(
      [
        { step: "a", event: "begin" },
        { step: "a", event: "finish", set: { outputs: { x: 1 } } },
      ],
      [{ type: "c", step: "a" }],
    );
    await ledger.record([
      { step: "b", event: "begin" },
      { step: "b", event: "fail" },
      { step: "c", event: "skip" },
    ]);
    await ledger.record([
      { step: "clean", event: "begin" },
      { step: "clean", event: "finish" },
    ]);
    await ledger.finish({ status: "failed", error: { code: "step_failed", message: "b failed" } });
    const again = await book.retry(id, { owner: "me" });
    expect(again).toMatchObject({ retryOf: id, owner: "me", name: "n", metadata: { m: 1 }, priority: 3, status: "pending", attempt: 0 });
    await settled();
    const second = book.ledger(again.id).snapshot();
    expect(second.input).toEqual({ i: 1 });
    expect([...second.steps.values()].map((one) => [one.id, one.status, one.outputs, one.reused, one.checkpoint])).toEqual([
      ["a", "completed", { x: 1 }, true, undefined],
    ]);
    expect(await refused(() => book.retry(id, { owner: "me", from_step: "zz" }))).toMatchObject({ code: "invalid" });
    const whole = await book.retry(id, { owner: "me", from_step: "a" });
    await settled();
    expect(book.ledger(whole.id).snapshot().steps.size).toBe(0);
    checkDisk(lives.journal);
  });
});

test("a retry of a run that is forgotten meanwhile is refused, and no run without a plan", async () => {
  let forget = async (): Promise<unknown> => undefined;
  const redis = { assertAvailable: async () => void (await forget()), dispatch: () => undefined, withdraw: () => undefined };
  using lives = new Lives({ dispatchers: { redis } });
  const { book } = lives.next();
  const { id } = await book.create(planOf(step("a")), how("redis"));
  await book.cancel(id);
  const gone = ["runs WHERE id", "run_plans WHERE run", "run_steps WHERE run"].map((where) => ({
    sql: `DELETE FROM ${where} = ?`,
    params: [id],
  }));
  forget = () => lives.journal.append([], gone);
  expect(await refused(() => book.retry(id, { owner: "me" }))).toMatchObject({ code: "not_found" });
});
