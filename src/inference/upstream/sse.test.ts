import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { processorTime } from "../../../test/processor-time.ts";
import { readFrame } from "./frame.ts";
import { FrameSplitter, MAX_FRAME_BYTES } from "./sse.ts";

/** Frames of the pieces, as bytes. */
function split(pieces: readonly Buffer[]): string[] {
  const splitter = new FrameSplitter();
  const frames: Buffer[] = [];
  for (const piece of pieces) {
    splitter.push(piece);
    while (splitter.next()) {
      frames.push(splitter.bytes.subarray(splitter.from, splitter.to));
      splitter.take(splitter.to);
    }
  }
  // At the end: who was given a frame keeps it.
  return frames.map((frame) => frame.toString("latin1"));
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const to = at + (sizes[turn % sizes.length] ?? 1);
    pieces.push(Buffer.from(bytes.subarray(at, to)));
    at = to;
  }
  return pieces;
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });
const line = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", ":", " ", "é", "🙂", "data"), minLength: 1, maxLength: 9 }),
  fc.constantFrom("data: x", "data:{}", ": ping", "event: error", "id: 1"),
);
const lines = fc.array(line, { minLength: 1, maxLength: 4 });

describe("frames", () => {
  test.each(["\n", "\r\n", "\r"])("are the same however the bytes come, lines ending with %j", (eol) => {
    fc.assert(
      fc.property(fc.array(lines, { maxLength: 8 }), sizes, (frames, sizes) => {
        const whole = frames.map((lines) => lines.map((text) => text + eol).join("") + eol);
        const found = split(cut(Buffer.from(whole.join("")), sizes));
        expect(found).toEqual(whole.map((text) => Buffer.from(text).toString("latin1")));
      }),
    );
  });

  test("are cut wherever lines end, of whatever mixture", () => {
    const mixed = fc.array(fc.constantFrom("data: a", "\n", "\r", "\r\n", "b"), { maxLength: 30 });
    fc.assert(
      fc.property(mixed, sizes, (parts, sizes) => {
        // A CR at the very end waits for its LF: the end of a body brings one.
        const text = `${parts.join("")}\n\n`;
        const found = split(cut(Buffer.from(text), sizes)).flatMap((frame) => readFrame(frame).data ?? []);
        const expected = reference(text);
        expect(found).toEqual(expected);
      }),
    );
  });

  test("one in very many pieces is found in time", () => {
    const frame = `data: ${"x".repeat(MAX_FRAME_BYTES - 100)}\n\n`;
    const spent = processorTime();
    expect(split(cut(Buffer.from(frame), [1]))).toEqual([frame]);
    // Quadratic work would take minutes.
    expect(spent()).toBeLessThan(5000);
  });

  test("an unfinished one is counted, and nothing is told of it", () => {
    const splitter = new FrameSplitter();
    splitter.push(Buffer.from("data: x\n"));
    expect(splitter.next()).toBe(false);
    expect(splitter.pending).toBe(8);
  });
});

describe("the text of a frame", () => {
  test.each([
    ["data: a\n\n", "a", ""],
    ["data:a\n\n", "a", ""],
    ["data:  a\n\n", " a", ""],
    ["data: a\ndata: b\n\n", "a\nb", ""],
    ["data\n\n", "", ""],
    [": ping\n\n", undefined, ""],
    ["\n", undefined, ""],
    ["event: error\r\ndata: x\r\n\r\n", "x", "error"],
    ["id: 7\rretry: 1\rdata: x\r\r", "x", ""],
    ["datax: 1\n data: 2\n\n", undefined, ""],
  ])("%j", (text, data, event) => {
    expect(readFrame(text)).toEqual({ data, event });
  });
});

/** Data of all whole events, the plain way. */
function reference(text: string): string[] {
  const all = text.split(/\r\n|\n|\r/);
  const found: string[] = [];
  let data: string[] = [];
  // What follows the last line end is no line yet.
  for (const one of all.slice(0, -1)) {
    if (one === "") {
      if (data.length > 0) found.push(data.join("\n"));
      data = [];
    } else if (one.startsWith("data:")) data.push(one.slice(5).replace(/^ /, ""));
    else if (one === "data") data.push("");
  }
  return found;
}
