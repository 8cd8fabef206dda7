import { afterEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { createParser } from "eventsource-parser";
import { FakeClock, systemClock } from "../kernel/clock.ts";
import { event, Scratch } from "../kernel/journal-fixture.ts";
import { until } from "../../test/until.ts";
import { startTestServer, type TestServer } from "./daemon.fake.ts";
import { topicFeed } from "./feed.ts";
import type { Place } from "./stream-frames.ts";
import { LiveEvents } from "./stream-hub.ts";

let server: TestServer | undefined;
afterEach(() => server?.dispose());

function numbersOf(bytes: Uint8Array | undefined): number[] {
  const numbers: number[] = [];
  const onEvent = ({ id = "" }: { id?: string | undefined }) => numbers.push(Number(id.split("-")[1]));
  createParser({ onEvent }).feed(new TextDecoder().decode(bytes));
  return numbers;
}

describe("live events", () => {
  const idle = { give: () => undefined };

  test("are not told again to a reader who found them on disk before they were handed on", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    const live = new LiveEvents(journal, new FakeClock());
    const subject = { feed: topicFeed(journal, "run/1"), endOf: () => undefined };
    const early = live.join(subject, { ...idle }, 0);
    await journal.append(Array.from({ length: 10 }, (_, n) => event("run/1", n)));
    const late = live.join(subject, { ...idle }, 10);
    await journal.append([event("run/1", 10)]);
    const all: number[] = [];
    await until("the last event", () => (all.push(...numbersOf(early.place.take(1_000_000))), all.includes(11)));
    expect(all).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(numbersOf(late.place.take(1_000_000))).toEqual([11]);
    for (const { leave } of [early, late]) leave();
  });

  test("of one feed are the same bytes for all who are at the same place, and nothing is kept for who has left", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    const live = new LiveEvents(journal, new FakeClock());
    const subject = { feed: topicFeed(journal, "run/1"), endOf: () => undefined };
    const joined = [1, 2, 3].map(() => live.join(subject, { ...idle }, 0));
    await journal.append([event("run/1"), event("run/2"), event("run/1")]);
    const behind = ({ place }: { place: Place }) => place.behind > 0;
    await until("the events", () => joined.every(behind));
    const taken = joined.map(({ place }) => place.take(1_000_000));
    expect(numbersOf(taken[0])).toEqual([1, 2]);
    expect(new Set(taken).size).toBe(1);
    for (const { leave } of joined) leave();
    await journal.append([event("run/1")]);
    const again = live.join(subject, { ...idle }, journal.head("run/1"));
    await journal.append([event("run/1")]);
    await until("the event", () => behind(again));
    expect(numbersOf(again.place.take(1_000_000))).toEqual([4]);
    again.leave();
  });

  test("end with the journal", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    const told = Promise.withResolvers<void>();
    const reader = { give: () => told.resolve() };
    const joined = new LiveEvents(journal, new FakeClock()).join({ feed: topicFeed(journal, "run/1"), endOf: () => undefined }, reader, 0);
    journal.close();
    await told.promise;
    expect(joined.place.over).toBe("shutdown");
    joined.leave();
  });
});

test("what retention takes while a backlog is being read is a gap, said in its place", async () => {
  server = startTestServer(systemClock());
  const { journal } = server.daemon;
  const big = { topic: "stack/demo", type: "noise", data: { text: "x".repeat(100_000) } };
  for (let n = 0; n < 30; n++) await journal.append(Array.from({ length: 10 }, () => big));
  const told: { event: string; number: number }[] = [];
  const parser = createParser({
    onEvent: ({ event: name = "", id, data }) => {
      const number = name === "gap" ? (JSON.parse(data) as { first_available: number }).first_available : Number(id?.split("-")[1] ?? 0);
      told.push({ event: name, number });
    },
  });
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1", () => {
    socket.write("GET /events HTTP/1.0\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
  });
  const began = Promise.withResolvers<void>();
  socket.once("data", () => {
    socket.pause();
    began.resolve();
  });
  await began.promise;
  await journal.trim({ keepPerTopic: 2, batch: 1000 });
  socket.on("data", (data) => parser.feed(data.toString("latin1").replaceAll(/\r\n[0-9a-f]*\r\n/g, "")));
  socket.resume();
  await until("the last event", () => told.at(-1)?.number === 300);
  const gap = told.findIndex(({ event: name }) => name === "gap");
  expect(told[gap]?.number).toBe(299);
  expect(told.slice(gap).map(({ event: name }) => name)).toEqual(["gap", "snapshot", "noise", "noise"]);
  socket.destroy();
});
