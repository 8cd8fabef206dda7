import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { WriteQueue } from "./write-queue.ts";

const step = fc.oneof(
  fc.record({ push: fc.oneof(fc.nat(50), fc.integer({ min: 30_000, max: 80_000 })) }),
  fc.record({ take: fc.array(fc.integer({ min: -1, max: 90_000 }), { maxLength: 5 }) }),
);

test("gives every byte once and in order, whatever the kernel takes of it", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const queue = new WriteQueue();
      let pushed = 0;
      const out: Buffer[] = [];
      for (const one of steps) {
        if ("push" in one) {
          const piece = Buffer.from(Array.from({ length: one.push }, () => pushed++ % 251));
          queue.push(piece);
          piece.fill(255);
        } else {
          const takes = [...one.take];
          queue.flush((bytes) => {
            const taken = Math.min(takes.shift() ?? 0, bytes.length);
            if (taken > 0) out.push(Buffer.from(bytes.subarray(0, taken)));
            return taken;
          });
        }
        const written = out.reduce((sum, { length }) => sum + length, 0);
        expect(queue.bytes).toBe(pushed - written);
      }
      queue.flush((bytes) => out.push(Buffer.from(bytes)) && bytes.length);
      expect(queue.bytes).toBe(0);
      const all = Buffer.concat(out);
      expect(all.length).toBe(pushed);
      expect(all.every((byte, at) => byte === at % 251)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("a connection that ends under a write leaves an empty queue", () => {
  const queue = new WriteQueue();
  queue.push(Buffer.alloc(40_000));
  queue.push(Buffer.alloc(40_000));
  queue.flush(() => {
    queue.clear();
    return 10;
  });
  expect(queue.bytes).toBe(0);
  queue.flush(() => {
    throw new Error("nothing is left to write");
  });
});
