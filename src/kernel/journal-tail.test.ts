import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Tail } from "./journal-tail.ts";

function batchFrom(first: number, size: number) {
  return Array.from({ length: size }, (_, i) => ({ seq: first + i, topic: "a", topicSeq: first + i, type: "t", ts: 0, data: {} }));
}

test("gives everything after a number, or says that it does not reach back that far", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 20 }), fc.nat({ max: 8000 }), (sizes, after) => {
      const tail = new Tail();
      let head = 0;
      for (const size of sizes) {
        tail.push(batchFrom(head + 1, size), size);
        head += size;
      }
      const found = tail.since(Math.min(after, head))?.map(({ seq }) => seq);
      const expected = Array.from({ length: Math.max(0, head - after) }, (_, i) => after + i + 1);
      if (found) expect(found).toEqual(expected);
      else expect(head === 0 || expected.length > 600).toBe(true);
    }),
  );
});

test("holds a bounded count and a bounded size", () => {
  const tail = new Tail();
  for (let n = 0; n < 40; n++) tail.push(batchFrom(n * 256 + 1, 256), 1000);
  expect(tail.since(40 * 256 - 1024)?.length).toBe(1024);
  expect(tail.since(40 * 256 - 1025)).toBeUndefined();
  tail.push(batchFrom(40 * 256 + 1, 1), 2 * 1024 * 1024);
  expect(tail.since(40 * 256)).toBeUndefined();
});
