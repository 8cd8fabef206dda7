import { expect, test } from "bun:test";
import { FakeClock } from "../kernel/clock.ts";
import { MAX_RECORD_CHARS } from "../runs/logs/pieces.ts";
import type { LogLine } from "../runs/ports.ts";
import { LogBatch } from "./log-batch.ts";

test("while nothing can be sent, lines wait up to a number and a size; what finds no room is said with what does", async () => {
  const clock = new FakeClock();
  const sent: LogLine[] = [];
  const gate = Promise.withResolvers<void>();
  const send = async (lines: readonly LogLine[]): Promise<void> => {
    await gate.promise;
    sent.push(...lines);
  };
  const batch = new LogBatch(clock, { send, onRefused: (error) => expect(error).toBeUndefined() });
  const line = (message: string): LogLine => ({ at: 1, step: "a", attempt: 1, source: "stdout", message });
  const long = "x".repeat(1024 * 1024);
  const pieces = long.length / MAX_RECORD_CHARS;
  batch.add([line("first")]);
  const flushed = batch.flush();
  for (let at = 0; at < 40; at++) batch.add([line(long)]);
  batch.add([line("last")]);
  gate.resolve();
  await flushed;
  const kept = sent.filter(({ message }) => message.length === MAX_RECORD_CHARS).length;
  expect(kept).toBe(16 * pieces - 1);
  expect(sent.filter(({ source }) => source === "orco").map(({ message }) => message)).toEqual([
    `${24 * pieces + 1} lines were lost on the way from the worker`,
  ]);
  expect(sent.at(-1)?.message).toBe("last");
  for (let at = 0; at < 3; at++) batch.add(Array.from({ length: 10_000 }, () => line("short")));
  sent.length = 0;
  await batch.flush();
  expect(sent.length).toBe(20_001);
});
