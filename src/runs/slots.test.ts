import { expect, test } from "bun:test";
import { Slots } from "./slots.ts";

test("are given in order; one who leaves the queue gets none and keeps none", async () => {
  const slots = new Slots(1);
  const stay = new AbortController().signal;
  const first = await slots.take(stay);
  expect(slots.wanted).toBe(false);
  const leaver = new AbortController();
  const second = slots.take(leaver.signal);
  const third = slots.take(stay);
  expect(slots.wanted).toBe(true);
  leaver.abort(new Error("left"));
  expect(second).rejects.toThrow("left");
  first();
  first();
  const give = await third;
  expect(slots.wanted).toBe(false);
  give();
  await slots.take(stay);
});
