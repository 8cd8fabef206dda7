import { expect, test } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import { channelOf, Reader } from "./reader.fake.ts";

const BEGIN = { queuePosition: 0, predictedStartMs: 0 };
const END = { tokens_in: 1, tokens_out: 1, decode_ms: 2, finish_reason: "stop" };

/** `1000-1` started, `1010-2` token, `1010-3` end. */
async function told() {
  const clock = new FakeClock(1_000);
  const { channel } = channelOf(clock);
  channel.started(BEGIN);
  await clock.advance(10);
  channel.token("late");
  expect(channel.isOverAt({ ms: 5_000 })).toBe(false);
  channel.ended(END);
  return channel;
}

test("by an id of its own a reader gets what follows, by one of another stream everything, and is told", async () => {
  const channel = await told();
  const from = (seq: number, ms: number): string[] => new Reader(channel, { from: { seq, ms } }).events.map(({ event }) => event);
  expect([from(1, 1_000), from(2, 1_010), from(3, 1_010)]).toEqual([["token", "end"], ["end"], []]);
  const foreign = [
    [1, 999],
    [1, 1_010],
    [2, 1_000],
    [3, 900],
    [4, 1_010],
  ] as const;
  for (const [seq, ms] of foreign) expect([seq, ms, ...from(seq, ms)]).toEqual([seq, ms, "reset", "started", "token", "end"]);
});

test("behind the end there is nothing: its number, its id, its time and every later one", async () => {
  const channel = await told();
  const points = [{ seq: 3 }, { seq: 3, ms: 1_010 }, { ms: 1_010 }, { ms: 5_000 }];
  expect(points.map((point) => channel.isOverAt(point))).toEqual([true, true, true, true]);
  const before = [{ seq: 2 }, { seq: 4 }, { seq: 3, ms: 900 }, { ms: 1_009 }];
  expect(before.map((point) => channel.isOverAt(point))).toEqual([false, false, false, false]);
});

test("what is kept no more is a gap, whatever time its id had", async () => {
  const { channel } = channelOf(new FakeClock(1_000));
  channel.started(BEGIN);
  for (let turn = 0; turn < 100; turn++) {
    channel.token("x".repeat(1000));
    await Promise.resolve();
  }
  const [first] = new Reader(channel, { from: { seq: 20, ms: 1 } }).events;
  expect(first).toMatchObject({ event: "gap", data: { requested: 20 } });
});
