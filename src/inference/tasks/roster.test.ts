import { expect, test } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import { channelOf, taskOf } from "../relay/reader.fake.ts";
import { poolOf, type Rig, rigOfEach } from "./desk.fake.ts";
import { LiveTask } from "./live-task.ts";
import { Roster } from "./roster.ts";
import { Ticker } from "./ticker.ts";

let rig: Rig;
rigOfEach((fresh) => (rig = fresh));

test("of a task that has ended nothing is kept that its engine was asked", () => {
  const clock = new FakeClock();
  const roster = new Roster(clock);
  const request = taskOf({
    bytes: 1000,
    messages: [{ role: "user" }],
    openai: { path: "/embeddings", body: { input: "x" }, stream: false, includeUsage: false },
  });
  const admitted = { at: 0, wallAt: 0, position: 0, predictedStartMs: 0 };
  const task = new LiveTask({ request, channel: channelOf(clock).channel, admitted, standing: { state: "failed", pool: "a" } });
  roster.put(task);
  expect(roster.inputBytes).toBe(1000);
  roster.dropInput(task);
  expect(roster.inputBytes).toBe(0);
  expect(task.request).toMatchObject({ taskId: request.taskId, openai: { path: "/embeddings", body: {} } });
  expect([task.request.prompt, task.request.messages]).toEqual([undefined, undefined]);
});

test("what ended is forgotten in time though nobody asks for anything any more", async () => {
  const clock = new FakeClock();
  const roster = new Roster(clock);
  const ticker = new Ticker({ clock, roster, depthOf: () => 0, placeOf: () => undefined });
  const admitted = { at: 0, wallAt: 0, position: 0, predictedStartMs: 0 };
  const task = new LiveTask({ request: taskOf(), channel: channelOf(clock).channel, admitted, standing: { state: "failed", pool: "a" } });
  roster.put(task);
  roster.ended(task);
  ticker.start();
  await clock.advance(59_000);
  expect(roster.size).toBe(1);
  await clock.advance(2000);
  expect(roster.size).toBe(0);
});

test("what ended holds so many bytes and no more: those that ended first go, the last stays", () => {
  const clock = new FakeClock();
  const roster = new Roster(clock);
  const admitted = { at: 0, wallAt: 0, position: 0, predictedStartMs: 0 };
  const text = "x".repeat(30 * 1024 * 1024);
  for (let n = 0; n < 12; n++) {
    const { channel } = channelOf(clock);
    const task = new LiveTask({ request: taskOf({ taskId: `t${n}` }), channel, admitted, standing: { state: "completed", pool: "a" } });
    roster.put(task);
    channel.result([text]);
    roster.ended(task);
  }
  expect(roster.size).toBe(8);
  expect([roster.get("t3"), roster.get("t11")?.id]).toEqual([undefined, "t11"]);
});

test("tasks that wait or run hold so many bytes of input and no more; each that ends makes room", async () => {
  const bytes = 32 * 1024 * 1024;
  rig.pool(poolOf("a", { r1: 1 }));
  for (let n = 0; n < 16; n++) await rig.desk.accept(rig.request({ bytes }));
  const refused = await rig.desk.accept(rig.request({ bytes: 1 })).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "ADMISSION_REJECT", facts: { retriable: true, policy_label: "input_bytes" } });
  rig.stream("t1").finish();
  await rig.clock.advance(0);
  await rig.desk.accept(rig.request({ bytes }));
});
