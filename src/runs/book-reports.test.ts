import { expect, test } from "bun:test";
import { how, LEASE_MS, Lives, planOf, step } from "./book/book.fake.ts";

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
