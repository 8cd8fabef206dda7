import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { processorTime } from "../../test/processor-time.ts";
import { FrameScanner, GOING_AWAY } from "./websocket-frames.ts";

interface Frame {
  readonly opcode: number;
  readonly masked: boolean;
  readonly length: number;
}

/** Written from RFC 6455 §5.2, apart from the scanner. */
function encode({ opcode, masked, length }: Frame): Buffer {
  const parts = [Buffer.of(0x80 | opcode)];
  const flag = masked ? 0x80 : 0;
  if (length < 126) parts.push(Buffer.of(flag | length));
  else if (length < 65_536) {
    const extended = Buffer.from([flag | 126, 0, 0]);
    extended.writeUInt16BE(length, 1);
    parts.push(extended);
  } else {
    const extended = Buffer.concat([Buffer.of(flag | 127), Buffer.alloc(8)]);
    extended.writeBigUInt64BE(BigInt(length), 1);
    parts.push(extended);
  }
  if (masked) parts.push(Buffer.of(8, 8, 8, 8));
  // A payload full of what could be taken for the head of a Close frame.
  parts.push(Buffer.alloc(length, 0x88));
  return Buffer.concat(parts);
}

const frame = fc.record({
  opcode: fc.constantFrom(0, 1, 2, 9, 10),
  masked: fc.boolean(),
  length: fc.oneof(fc.integer({ min: 0, max: 130 }), fc.integer({ min: 65_530, max: 65_540 }), fc.constant(300)),
});

describe("frames", () => {
  test("end where they end, however the bytes are cut into pieces", () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }), (frames, cuts) => {
        const encoded = frames.map(encode);
        const ends = new Set([0]);
        let end = 0;
        for (const { length } of encoded) ends.add((end += length));
        const bytes = Buffer.concat(encoded);
        const scanner = new FrameScanner();
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          scanner.push(bytes.subarray(at, at + cut));
          at = Math.min(bytes.length, at + cut);
          expect(scanner.atBoundary).toBe(ends.has(at));
        }
        expect(scanner.closing).toBe(false);
      }),
    );
  });

  test("end where they end byte by byte, too", () => {
    const frames = [126, 0, 65_536, 125, 65_535].map((length) => encode({ opcode: 2, masked: length % 2 === 1, length }));
    const scanner = new FrameScanner();
    for (const one of frames) {
      for (let at = 0; at < one.length; at++) {
        scanner.push(one.subarray(at, at + 1));
        expect(scanner.atBoundary).toBe(at === one.length - 1);
      }
    }
  });

  test("a Close frame is seen, and ours is one", () => {
    const scanner = new FrameScanner();
    scanner.push(GOING_AWAY);
    expect([scanner.closing, scanner.atBoundary]).toEqual([true, true]);
    expect(Buffer.from(GOING_AWAY).toString("hex")).toBe("880203e9");
  });

  test("a length beyond all bounds never ends", () => {
    const scanner = new FrameScanner();
    scanner.push(Buffer.concat([Buffer.of(0x82, 127), Buffer.alloc(8, 255), Buffer.alloc(1 << 20)]));
    expect(scanner.atBoundary).toBe(false);
  });

  test("a message of 1 GiB costs one step for each piece", () => {
    const scanner = new FrameScanner();
    scanner.push(Buffer.concat([Buffer.of(0x82, 127), Buffer.from("0000000040000000", "hex")]));
    const piece = Buffer.alloc(65_536);
    const spent = processorTime();
    for (let at = 0; at < 16_384; at++) scanner.push(piece);
    // Byte by byte this takes seconds.
    expect(spent()).toBeLessThan(600);
    expect(scanner.atBoundary).toBe(true);
  });
});
