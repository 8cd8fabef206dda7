import { describe, expect, test } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import type { TaskEnd } from "../tasks/task.ts";
import { Channel } from "./channel.ts";
import { channelOf, Reader, taskOf } from "./reader.fake.ts";

const END: TaskEnd = { tokens_in: 3, tokens_out: 2, decode_ms: 40, finish_reason: "stop" };
const CANCELED = { code: "CANCELED", message: "canceled", retriable: false } as const;
const BEGIN = { queuePosition: 2, predictedStartMs: 30 };

function say(channel: Channel, count: number, text = "x"): void {
  for (let n = 0; n < count; n++) channel.token(text);
}

describe("the stream of a task", () => {
  test("has the events of the contract, numbered without a gap", async () => {
    const clock = new FakeClock(5_000);
    const { channel } = channelOf(clock);
    const reader = new Reader(channel);
    channel.started(BEGIN);
    channel.token("he\n\nllo");
    channel.token(" 🌍");
    channel.metrics({ queue_depth: 1 }, false);
    channel.ended(END);
    await clock.advance(1);
    expect(reader.events).toEqual([
      { event: "started", id: "5000-1", data: { queue_position: 2, predicted_start_ms: 30 } },
      { event: "token", id: "5000-2", data: { t: "he\n\nllo", i: 0 } },
      { event: "token", id: "5000-3", data: { t: " 🌍", i: 1 } },
      { event: "metrics", data: { queue_depth: 1 } },
      { event: "end", id: "5000-4", data: { tokens_out: 2, decode_ms: 40, decode_time_ms: 40, finish_reason: "stop" } },
    ]);
    expect(reader.isOver).toBe(true);
    expect(channel.isOverAt({ seq: 4 })).toBe(true);
  });

  test("of one turn is one write, and encoded once for all", async () => {
    const { channel } = channelOf(new FakeClock());
    const [a, b] = [new Reader(channel), new Reader(channel)];
    say(channel, 20);
    expect(a.writes).toHaveLength(0);
    await Promise.resolve();
    expect(a.writes).toHaveLength(1);
    expect(a.writes[0]).toBe(b.writes[0]);
  });

  test("says nothing after its last word", async () => {
    const { channel } = channelOf(new FakeClock());
    const reader = new Reader(channel);
    channel.token("a");
    channel.failed(CANCELED);
    channel.token("b");
    channel.metrics({}, false);
    channel.result([1]);
    channel.ended(END);
    await Promise.resolve();
    expect(reader.events.map(({ event }) => event)).toEqual(["token", "error"]);
    expect(reader.events.at(-1)?.data).toEqual(CANCELED);
  });

  test("tells metrics only to who wants them and takes them", () => {
    const { channel } = channelOf(new FakeClock());
    const [plain, verbose, slow] = [
      new Reader(channel),
      new Reader(channel, { verbose: true }),
      new Reader(channel, { verbose: true, lazy: true }),
    ];
    channel.started(BEGIN);
    channel.metrics({ tokens_per_s: 4 }, true);
    expect(plain.text).not.toContain("metrics");
    expect(verbose.events.at(-1)).toEqual({ event: "metrics", data: { tokens_per_s: 4 } });
    slow.takeAll();
    expect(slow.text).not.toContain("metrics");
  });

  test("keeps a result for who comes late", () => {
    const { channel } = channelOf(new FakeClock(), { workload: "embedding" });
    channel.started(BEGIN);
    const data = [{ embedding: Array.from({ length: 20_000 }, () => 0.125) }];
    channel.result(data);
    channel.ended(END);
    expect(new Reader(channel).events.map(({ event }) => event)).toEqual(["started", "result", "end"]);
    expect(new Reader(channel, { from: { seq: 1 } }).events[0]?.data).toEqual({ data });
  });
});

describe("who resumes", () => {
  test("gets what follows, from any place", async () => {
    const { channel } = channelOf(new FakeClock());
    channel.started(BEGIN);
    say(channel, 30);
    await Promise.resolve();
    say(channel, 30);
    channel.ended(END);
    for (let seq = 0; seq <= 62; seq++) {
      const numbers = Array.from({ length: 62 - seq }, (_, n) => seq + 1 + n);
      expect(new Reader(channel, { from: { seq } }).numbers).toEqual(numbers);
    }
  });

  test("behind the end gets nothing, behind a point that never was everything", () => {
    const { channel } = channelOf(new FakeClock());
    channel.started(BEGIN);
    channel.ended(END);
    const done = new Reader(channel, { from: { seq: 2 } });
    expect(done.text).toBe("");
    expect(done.isOver).toBe(true);
    expect(new Reader(channel, { from: { seq: 9 } }).events.map(({ event }) => event)).toEqual(["reset", "started", "end"]);
  });

  test("by time gets what came after it", async () => {
    const clock = new FakeClock(1_000);
    const { channel } = channelOf(clock);
    channel.started(BEGIN);
    await clock.advance(10);
    channel.token("late");
    channel.ended(END);
    expect(new Reader(channel, { from: { ms: 1_000 } }).numbers).toEqual([2, 3]);
  });

  test("below the ring is told of the gap; the ring holds 64 KiB", async () => {
    const { channel } = channelOf(new FakeClock());
    channel.started(BEGIN);
    for (let turn = 0; turn < 100; turn++) {
      say(channel, 10, "x".repeat(100));
      await Promise.resolve();
    }
    channel.ended(END);
    const [started, gap, first, ...rest] = new Reader(channel).events;
    expect(started?.event).toBe("started");
    expect(gap?.event).toBe("gap");
    const from = Number(first?.id?.split("-")[1]);
    expect(gap?.data).toEqual({ requested: 1, first_available: from });
    expect(rest.at(-1)?.event).toBe("end");
    const resumed = new Reader(channel, { from: { seq: 20 } });
    expect(resumed.events[0]).toMatchObject({ event: "gap", data: { requested: 20, first_available: from } });
    expect(Buffer.byteLength(resumed.text)).toBeGreaterThan(64 * 1024);
    expect(Buffer.byteLength(resumed.text)).toBeLessThan(67_000);
    expect(new Reader(channel, { from: { seq: from - 1 } }).text).not.toContain("gap");
  });

  test("the clock goes back: ids do not", async () => {
    const clock = new FakeClock(10_000);
    const { channel } = channelOf(clock);
    const reader = new Reader(channel);
    channel.started(BEGIN);
    clock.jumpWall(-5_000);
    channel.token("a");
    channel.ended(END);
    expect(reader.events.map(({ id }) => id)).toEqual(["10000-1", "10000-2", "10000-3"]);
  });

  test("after the relay was closed still gets what it has not taken", () => {
    const { channel } = channelOf(new FakeClock());
    const slow = new Reader(channel, { lazy: true });
    say(channel, 5);
    channel.ended(END);
    channel.close();
    slow.takeAll();
    expect(slow.numbers).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe("a slow consumer", () => {
  test("that is alone pauses upstream at 1,024 tokens, and loses none", async () => {
    const { channel, asked } = channelOf(new FakeClock());
    const reader = new Reader(channel, { lazy: true });
    say(channel, 1023);
    await Promise.resolve();
    expect(asked).toEqual([]);
    say(channel, 1);
    await Promise.resolve();
    expect(asked).toEqual(["pause"]);
    while (asked.length < 2) {
      expect(reader.take(4 * 1024)).toBe(true);
      await Promise.resolve();
    }
    expect(asked).toEqual(["pause", "resume"]);
    channel.ended(END);
    reader.takeAll();
    expect(reader.numbers).toEqual(Array.from({ length: 1025 }, (_, n) => n + 1));
    expect(reader.isCut).toBe(false);
  });

  test("is cut while another keeps up, and comes back without a loss", async () => {
    const { channel, asked } = channelOf(new FakeClock());
    const [fast, slow] = [new Reader(channel), new Reader(channel, { lazy: true })];
    for (let turn = 0; turn < 1024; turn++) {
      expect(slow.isCut).toBe(false);
      channel.token("x");
      await Promise.resolve();
    }
    expect(slow.isCut).toBe(true);
    expect(fast.numbers).toHaveLength(1024);
    expect(asked).toEqual([]);
    slow.leave();
    expect(asked).toEqual([]);
  });

  test("does not hold up one that came later and reads", async () => {
    const { channel, asked } = channelOf(new FakeClock());
    const stuck = new Reader(channel, { lazy: true });
    say(channel, 1024);
    await Promise.resolve();
    expect(asked).toEqual(["pause"]);
    const reader = new Reader(channel);
    expect(stuck.isCut).toBe(true);
    await Promise.resolve();
    expect(asked).toEqual(["pause", "resume"]);
    expect(reader.events.length).toBeGreaterThan(500);
  });

  test("that leaves lets a task that needs nobody go on", async () => {
    const { channel, asked } = channelOf(new FakeClock(), { cancelOnDisconnect: false });
    const reader = new Reader(channel, { lazy: true });
    say(channel, 1024);
    await Promise.resolve();
    reader.leave();
    await Promise.resolve();
    expect(asked).toEqual(["pause", "resume"]);
  });

  test("hears it in order from an engine that goes on in the very turn in which it is resumed", async () => {
    const control = { pause: () => undefined, resume: () => channel.result("what was held back"), abandoned: () => undefined };
    const channel: Channel = new Channel({ request: taskOf(), control, clock: new FakeClock() });
    const reader = new Reader(channel, { lazy: true });
    say(channel, 1024);
    await Promise.resolve();
    reader.wake = () => reader.takeAll();
    reader.takeAll();
    await Promise.resolve();
    expect(reader.numbers).toEqual(Array.from({ length: 1025 }, (_, n) => n + 1));
  });
});

describe("when the last consumer leaves", () => {
  test("the task is given up at once, once, and never before the first came", () => {
    const { channel, asked } = channelOf(new FakeClock());
    channel.started(BEGIN);
    expect(asked).toEqual([]);
    const [a, b] = [new Reader(channel), new Reader(channel)];
    a.leave();
    a.leave();
    expect(asked).toEqual([]);
    b.leave();
    expect(asked).toEqual(["abandoned"]);
  });

  test("nothing is asked of one that has ended, or needs nobody", () => {
    const ended = channelOf(new FakeClock());
    const reader = new Reader(ended.channel, { lazy: true });
    ended.channel.ended(END);
    reader.leave();
    expect(ended.asked).toEqual([]);
    const independent = channelOf(new FakeClock(), { cancelOnDisconnect: false });
    new Reader(independent.channel).leave();
    expect(independent.asked).toEqual([]);
  });
});

describe("a relay of /v1", () => {
  const openai = { path: "/chat/completions", body: { model: "chain" }, stream: true, includeUsage: false } as const;

  test("passes frames as the same bytes, says when the answer begins, and adds no events", () => {
    const { channel } = channelOf(new FakeClock(), taskOf({ openai }));
    const reader = new Reader(channel);
    channel.started(BEGIN);
    expect(channel.isOpen).toBe(false);
    channel.opened();
    expect(channel.isOpen).toBe(true);
    const frames = Buffer.from('data: {"x":1}\n\n');
    channel.frames(frames, 1);
    channel.metrics({ queue_depth: 1 }, false);
    channel.ended(END);
    expect(reader.writes).toEqual([frames]);
    expect(reader.writes[0]).toBe(frames);
    expect(channel.outcome).toEqual({ end: END });
    expect(reader.isOver).toBe(true);
  });

  test("bounds what carries no token as well", async () => {
    const { channel, asked } = channelOf(new FakeClock(), taskOf({ openai }));
    const reader = new Reader(channel, { lazy: true });
    for (let n = 0; n < 1024; n++) channel.frames(Buffer.from(": x\n\n"), 0);
    expect(asked).toEqual(["pause"]);
    reader.takeAll();
    await Promise.resolve();
    expect(asked).toEqual(["pause", "resume"]);
  });

  test("keeps the answer that comes as a whole", () => {
    const { channel } = channelOf(new FakeClock(), taskOf({ openai: { ...openai, path: "/embeddings" } }));
    channel.result({ data: [] });
    expect(channel.answer).toEqual({ data: [] });
  });
});
