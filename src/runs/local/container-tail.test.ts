import { expect, test } from "bun:test";
import fc from "fast-check";
import type { ContainerState } from "../../supervise/docker/containers.ts";
import { bootTime, exitOf } from "../../supervise/docker/exit.ts";
import { percentOf } from "../../supervise/docker/pull-progress.ts";
import { Tail } from "./container-tail.ts";
import { START } from "./read-cursor.ts";

const text = fc.array(fc.constantFrom("a", "ä", "\n", "\r\n", "longer "), { maxLength: 60 }).map((parts) => parts.join(""));
const pieces = (bytes: Buffer, sizes: readonly number[]): Buffer[] => {
  const out: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = (sizes[turn % sizes.length] ?? 0) + 1;
    out.push(bytes.subarray(at, at + size));
    at += size;
  }
  return out;
};

test("lines come out whole and once, however the stream is cut and however often it begins again", () => {
  fc.assert(
    fc.property(text, fc.array(fc.nat({ max: 9 }), { minLength: 1 }), fc.nat({ max: 20 }), (written, sizes, breakAfter) => {
      const bytes = Buffer.from(written);
      const tail = new Tail(START, undefined);
      const taken: { text: string; end: number }[] = [];
      const feed = (parts: readonly Buffer[]): void => {
        for (const part of parts) for (const line of tail.take(tail.unseen(part))) taken.push(line);
      };
      feed(pieces(bytes, sizes).slice(0, breakAfter));
      tail.rewind();
      feed(pieces(bytes, sizes.toReversed()));
      taken.push(...tail.flush());
      const expected = written.split("\n").map((line) => line.replace(/\r$/, ""));
      if (written === "" || written.endsWith("\n")) expected.pop();
      expect(taken.map((line) => line.text)).toEqual(expected);
      expect(tail.position).toEqual({ offset: bytes.length, midline: false });
    }),
  );
});

test("a line that is too long comes in pieces that say so", () => {
  const tail = new Tail(START, undefined);
  const lines = [...tail.take(Buffer.from(`${"x".repeat(1_500_000)}\nnext\n`))];
  expect(lines.map(({ text: { length }, piece }) => [length, piece])).toEqual([
    [1_048_576, true],
    [451_424, true],
    [4, false],
  ]);
});

const state = (more: Partial<ContainerState>): ContainerState => ({
  Status: "exited",
  Running: false,
  OOMKilled: false,
  Pid: 0,
  ExitCode: 0,
  Error: "",
  StartedAt: "2026-01-01T00:00:00.5Z",
  FinishedAt: "2026-01-01T00:00:10Z",
  ...more,
});

test("a container that ran as the machine went down has no exit; one that ended before has", () => {
  const at = (text: string): number => Date.parse(text);
  expect(exitOf(state({ ExitCode: 255 }), at("2026-01-01T00:00:05Z"))).toBeUndefined();
  expect(exitOf(state({ ExitCode: 255, FinishedAt: "0001-01-01T00:00:00Z" }), at("2026-01-01T00:00:05Z"))).toBeUndefined();
  expect(exitOf(state({ ExitCode: 2 }), at("2026-01-02T00:00:00Z"))).toMatchObject({ code: 2, reason: "exited" });
  expect(exitOf(state({ ExitCode: 143 }), at("2025-01-01T00:00:00Z"))).toMatchObject({ signal: "SIGTERM", reason: "signaled" });
  expect(exitOf(state({ ExitCode: 137, OOMKilled: true }))).toMatchObject({ reason: "oom_killed" });
  expect(bootTime("cpu 1 2\nbtime 1700000000\n")).toBe(1_700_000_000_000);
  expect(bootTime("")).toBeUndefined();
});

test("how far a pull is, in bytes", () => {
  expect(percentOf(new Map())).toBe(0);
  expect(
    percentOf(
      new Map([
        ["a", { current: 50, total: 100 }],
        ["b", { current: 0, total: 100 }],
      ]),
    ),
  ).toBe(25);
});
