import { expect, test } from "bun:test";
import fc from "fast-check";
import { FrameReader } from "./frames.ts";

const frame = fc.record({ stream: fc.constantFrom("stdout" as const, "stderr" as const), text: fc.string({ maxLength: 40 }) });

function encode({ stream, text }: { stream: "stdout" | "stderr"; text: string }): Buffer {
  const data = Buffer.from(text);
  const head = Buffer.alloc(8);
  head[0] = stream === "stdout" ? 1 : 2;
  head.writeUInt32BE(data.length, 4);
  return Buffer.concat([head, data]);
}

test("frames come out as they went in, wherever the chunks are cut", () => {
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.nat({ max: 30 }), { minLength: 1 }), (frames, sizes) => {
      const bytes = Buffer.concat(frames.map(encode));
      const reader = new FrameReader();
      const out: { stream: string; text: string }[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = (sizes[turn % sizes.length] ?? 0) + 1;
        for (const { stream, data } of reader.take(bytes.subarray(at, at + size))) out.push({ stream, text: Buffer.from(data).toString() });
        at += size;
      }
      expect(out).toEqual(frames.map(({ stream, text }) => ({ stream, text: Buffer.from(text).toString() })));
    }),
  );
});

test("what is no frame is refused", () => {
  expect(() => new FrameReader().take(Buffer.from("plain text of a tty"))).toThrow("not in frames");
});
