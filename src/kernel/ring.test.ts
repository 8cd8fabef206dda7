import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Dropped, Ring } from "./ring.ts";

test("a waiting reader gets each item as it comes, then the end", async () => {
  const ring = new Ring<number>();
  const all = Array.fromAsync(ring);
  for (const n of [1, 2, 3]) ring.push(n);
  ring.end();
  expect(await all).toEqual([1, 2, 3]);
  expect(ring.push(4)).toBe(false);
});

test("a slow reader learns how many it missed, in the place where they are missing", async () => {
  const ring = new Ring<number>({ maxItems: 2 });
  expect([1, 2, 3, 4, 5].map((n) => ring.push(n))).toEqual([true, true, false, false, false]);
  expect(await ring.next()).toEqual({ value: new Dropped(3), done: false });
  ring.push(6);
  ring.end();
  expect(await Array.fromAsync(ring)).toEqual([new Dropped(1), 5, 6]);
});

test("bytes bound it too; an item larger than the ring is itself dropped", async () => {
  const ring = new Ring<string>({ maxBytes: 4, sizeOf: (text) => text.length });
  for (const text of ["ab", "cd", "ef", "a long one"]) ring.push(text);
  ring.push("gh");
  ring.end();
  expect(await Array.fromAsync(ring)).toEqual([new Dropped(4), "gh"]);
});

test("a reader that leaves frees the ring", async () => {
  const ring = new Ring<number>();
  ring.push(1);
  ring.push(2);
  for await (const item of ring) {
    expect(item).toBe(1);
    break;
  }
  expect(ring.length).toBe(0);
  expect(await ring.next()).toEqual({ value: undefined, done: true });
});

test("whatever the schedule, each item is read or counted once, in order, within the bounds", async () => {
  const schedule = fc.array(fc.oneof(fc.constant("read" as const), fc.integer({ min: 1, max: 9 })), { maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(schedule, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 8, max: 30 }), async (steps, maxItems, maxBytes) => {
      const ring = new Ring<{ n: number; size: number }>({ maxItems, maxBytes, sizeOf: (item) => item.size });
      let pushed = 0;
      let seen = 0;
      const see = (item: unknown) => {
        if (item instanceof Dropped) seen += item.count;
        else expect(item).toMatchObject({ n: seen++ });
      };
      for (const step of steps) {
        if (step !== "read") ring.push({ n: pushed++, size: step });
        else if (ring.length > 0) see((await ring.next()).value);
        expect(ring.length).toBeLessThanOrEqual(maxItems);
      }
      ring.end();
      for await (const item of ring) see(item);
      expect(seen).toBe(pushed);
    }),
  );
});
