import { expect, test } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import { channelOf, Reader } from "./reader.fake.ts";

test("who comes late to a long answer is not cut for what it found, only for what it does not take from then on", async () => {
  const { channel } = channelOf(new FakeClock());
  const fast = new Reader(channel);
  for (let n = 0; n < 1100; n++) channel.token("x");
  await Promise.resolve();
  const late = new Reader(channel, { lazy: true });
  for (let turn = 0; turn < 1023; turn++) {
    channel.token("y");
    await Promise.resolve();
  }
  expect(late.isCut).toBe(false);
  channel.token("y");
  await Promise.resolve();
  expect(late.isCut).toBe(true);
  expect(fast.numbers).toHaveLength(2124);
});

test("what it has taken it may not fall behind by again", async () => {
  const { channel } = channelOf(new FakeClock());
  const fast = new Reader(channel);
  for (let n = 0; n < 1100; n++) channel.token("x");
  await Promise.resolve();
  const late = new Reader(channel, { lazy: true });
  late.takeAll();
  for (let turn = 0; turn < 1024; turn++) {
    expect(late.isCut).toBe(false);
    channel.token("y");
    await Promise.resolve();
  }
  expect(late.isCut).toBe(true);
  expect(fast.isCut).toBe(false);
});

test("one that throws is cut with what it threw, and keeps no other from hearing of it", async () => {
  const { channel } = channelOf(new FakeClock());
  const cuts: unknown[] = [];
  const defect = new TypeError("a defect");
  const throwing = {
    wake: () => {
      throw defect;
    },
    cut: (error?: unknown) => void cuts.push(error),
  };
  channel.subscribe(throwing);
  const other = new Reader(channel);
  channel.token("x");
  await Promise.resolve();
  expect([cuts, other.numbers.length, channel.readers]).toEqual([[defect], 1, 1]);
});
