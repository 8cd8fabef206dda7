import { expect, test } from "bun:test";
import fc from "fast-check";
import { encodeExecFrame, type ExecFrame, ExecFrames } from "./exec-frames.ts";

const frame: fc.Arbitrary<ExecFrame> = fc.oneof(
  fc.record({ kind: fc.constantFrom("stdout" as const, "stderr" as const), data: fc.uint8Array({ minLength: 1, maxLength: 50 }) }),
  fc.record({ kind: fc.constant("status" as const), status: fc.constantFrom({ id: "x" }, { exit: { code: 137, signal: "SIGKILL" } }) }),
);

test("frames come out as they went in, however the stream is cut", () => {
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.nat(70)), (frames, cuts) => {
      const stream = Buffer.concat(frames.map(encodeExecFrame));
      const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)).toSorted((a, b) => a - b), stream.length];
      const reader = new ExecFrames();
      const found = places.slice(1).flatMap((to, at) => reader.take(stream.subarray(places[at], to)));
      expect(found.map(plain)).toEqual(frames.map(plain));
    }),
  );
});

test("an empty frame says nothing", () => {
  expect(new ExecFrames().take(encodeExecFrame({ kind: "stdout", data: new Uint8Array() }))).toEqual([]);
});

test("something else is refused at once", () => {
  expect(() => new ExecFrames().take(Buffer.from("<html><body>"))).toThrow("no stream of exec");
  expect(() => new ExecFrames().take(Buffer.from([9, 0, 0, 0, 0, 0, 0, 1, 1]))).toThrow("no stream of exec");
});

function plain(one: ExecFrame): unknown {
  return one.kind === "status" ? one : { kind: one.kind, data: [...one.data] };
}
