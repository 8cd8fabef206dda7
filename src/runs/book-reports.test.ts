import { expect, test } from "bun:test";
import { refused } from "../kernel/journal-fixture.ts";
import { how, LEASE_MS, Lives, planOf, step } from "./book/book.fake.ts";
import { MAX_STEPS } from "./plan.ts";

test("a report whose answer was lost is acknowledged again and recorded once, across a daemon's death; the next attempt counts anew", async () => {
  using lives = new Lives();
  let { book } = lives.next();
  const { id } = await book.create(planOf(step("a")), how("redis"));
  const { token } = await book.workers.claim(id, { worker: "w", dispatch: 1 });
  const report = { n: 1, changes: [{ step: "a", event: "begin" as const }], checkpoints: [{ type: "checkpoint", data: 1 }] };
  expect((await book.workers.report(id, report, { token })).checkpoint_ids.length).toBe(1);
  expect((await book.workers.report(id, report, { token })).checkpoint_ids).toEqual([]);
  ({ book } = lives.next());
  expect((await book.workers.report(id, report, { token })).checkpoint_ids).toEqual([]);
  expect(book.checkpoints(id, { limit: 10 }).length).toBe(1);

  await lives.pass(LEASE_MS);
  const again = await book.workers.claim(id, { worker: "w", dispatch: book.get(id).dispatch });
  expect(again.attempt).toBe(2);
  expect((await book.workers.report(id, report, { token: again.token })).checkpoint_ids.length).toBe(1);
});

test("a worker that leaves hands its run back: it waits for the next one at once, and the loss does not count", async () => {
  using lives = new Lives();
  const { book } = lives.next();
  const { id } = await book.create(planOf(step("a")), how("redis"));
  const { token } = await book.workers.claim(id, { worker: "w", dispatch: 1 });
  expect(await book.workers.heartbeat(id, { release: true }, { token })).toMatchObject({ lease_ms: 0 });
  expect(book.get(id)).toMatchObject({ status: "pending", dispatch: 2, losses: 0 });
  expect((await book.workers.claim(id, { worker: "w", dispatch: 2 })).attempt).toBe(2);
});

test("a checkpoint whose answer was lost is answered again under its id, across a daemon's death, also after the end; the list is as it was recorded", async () => {
  using lives = new Lives();
  let { book } = lives.next();
  const { id } = await book.create({}, how());
  const { token } = await book.workers.claim(id, "w");
  for (const given of ["b", "a"]) expect(await book.checkpoint(id, { type: "c" }, { token, id: given })).toBe(given);
  ({ book } = lives.next());
  expect(await book.checkpoint(id, { type: "c" }, { token, id: "b" })).toBe("b");
  await book.workers.finish(id, { status: "completed" }, { token });
  expect(await book.checkpoint(id, { type: "c" }, { token, id: "a" })).toBe("a");
  const late = await book.checkpoint(id, { type: "c" }, { token, id: "c" }).catch((error: unknown) => error);
  expect(late).toMatchObject({ code: "conflict" });
  const listed = (page: { after?: string; limit: number }): string[] => book.checkpoints(id, page).map((one) => one.id);
  expect([listed({ limit: 10 }), listed({ limit: 10, after: "b" }), listed({ limit: 1 })]).toEqual([["b", "a"], ["a"], ["b"]]);
  expect(() => listed({ limit: 1, after: "zzz" })).toThrow("no checkpoint zzz");
});

test("steps that only a worker knows are as many as those of a plan, also in one report", async () => {
  using lives = new Lives();
  const { book } = lives.next();
  const { id } = await book.create({}, how());
  const { token } = await book.workers.claim(id, "w");
  const begun = (from: number, count: number) =>
    Array.from({ length: count }, (_, n) => ({ step: `s${from + n}`, event: "begin" as const }));
  expect(await refused(() => book.workers.report(id, { changes: begun(0, MAX_STEPS + 1) }, { token }))).toMatchObject({
    code: "too_large",
  });
  await book.workers.report(id, { changes: begun(0, MAX_STEPS) }, { token });
  await book.workers.report(id, { changes: [{ step: "s0", event: "finish" }] }, { token });
  expect(await refused(() => book.workers.report(id, { changes: begun(MAX_STEPS, 1) }, { token }))).toMatchObject({ code: "too_large" });
});
