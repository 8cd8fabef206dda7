import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { EngineRig } from "../../src/inference/mock/engine.fake.ts";
import { fastest } from "../fastest.ts";
import { until } from "../until.ts";
import { type Fields, planeOf } from "./inference-rig.ts";
import { DONE, FINISH, RawEngine, said, STREAM_HEAD } from "./raw-engine.ts";

/** What those who listen to a task hear (inference.md, "SSE" and "Stream"). */

const RING_BYTES = 64 * 1024;
const BEHIND = 1024;
const plane = planeOf();
/** Says what the test lets it say. */
let engine: RawEngine;
const gone: number[] = [];
const mock = new EngineRig({ slots: 4, ctx: 10_000_000 });

beforeAll(async () => {
  engine = await RawEngine.start((socket, _asked, n) => {
    socket.write(STREAM_HEAD);
    socket.on("close", () => void (gone[n] = performance.now()));
  });
  await plane.pool("p", engine.url);
  await plane.pool("m", mock.engine.url);
});
afterAll(() => {
  engine[Symbol.dispose]();
  mock.engine.stop();
});
afterEach(async () => {
  for (const socket of engine.sockets) socket.destroy();
  await plane.calm();
  for (const list of [engine.asked, engine.sockets, gone]) list.splice(0);
});

const pinned = (pool: string): Fields => ({ placement: { mode: "pin", pin_pool_id: pool } });
const loop = { ...pinned("m"), prompt: "loop" };
const stats = async (): Promise<{ active: number; tokens: number }> => (await mock.get("/stats")) as { active: number; tokens: number };

/** A task whose engine waits for what the test has it say. */
async function told(more: Fields = {}): Promise<{ id: string; say: (text: string) => void; socket: Socket }> {
  const asked = engine.sockets.length;
  const { task_id: id } = await plane.task({ ...pinned("p"), ...more });
  const socket = await until("the engine to be asked", () => engine.sockets[asked]);
  return { id, socket, say: (text) => void socket.write(text) };
}

test("started, tokens, end: numbered without a gap, each as it comes, without a hello", async () => {
  const { id, say, socket } = await told();
  const tape = await plane.events(id);
  expect(tape.response.headers.get("content-type")).toContain("text/event-stream");
  for (const [n, text] of ["one", " zwei", " 三", "\n\ndata: x"].entries()) {
    say(said(text));
    expect(await tape.when(({ data }) => data["i"] === n)).toMatchObject({ event: "token", data: { t: text, i: n } });
  }
  socket.end(FINISH + DONE);
  expect(await tape.over).toBe("ended");
  const events = tape.frames.filter(({ event }) => event !== "metrics");
  expect(events.map(({ event }) => event)).toEqual(["started", "token", "token", "token", "token", "end"]);
  expect(events[0]?.data).toEqual({ queue_position: 0, predicted_start_ms: 0 });
  expect(Object.keys(tape.last?.data ?? {}).toSorted()).toEqual(["decode_ms", "decode_time_ms", "finish_reason", "tokens_out"]);
  const { decode_ms: decode, decode_time_ms: decodeTime, tokens_out: tokens, finish_reason: finish } = tape.last?.data ?? {};
  expect({ decodeTime, tokens, finish }).toEqual({ decodeTime: decode, tokens: 4, finish: "stop" });
  expect(tape.numbers).toEqual([1, 2, 3, 4, 5, 6]);
  for (const { id: each } of events) expect(Math.abs(Number(each?.split("-")[0]) - Date.now())).toBeLessThan(60_000);
  expect(tape.of("metrics").every(({ id: each }) => each === undefined)).toBe(true);
});

test("who comes back goes on behind what he has; who has seen the end gets 204; who comes late hears it from the beginning", async () => {
  const { id, say, socket } = await told({ cancel_on_disconnect: false });
  const before = await plane.events(id);
  say(said("a") + said("b") + said("c"));
  const seen = await before.when(({ data }) => data["t"] === "b");
  before.leave();
  say(said("d"));
  const after = await plane.events(id, { from: seen.id ?? "" });
  say(said("e"));
  socket.end(FINISH + DONE);
  await after.over;
  expect(after.said).toBe("cde");
  expect(after.numbers).toEqual([4, 5, 6, 7]);
  const end = after.last?.id ?? "";
  expect((await plane.events(id, { from: end })).response.status).toBe(204);
  expect((await plane.get(`/v2/tasks/${id}/events?lastEventId=${end}`)).status).toBe(204);
  const late = await plane.events(id);
  await late.over;
  expect([late.said, ...late.events.slice(0, 1), ...late.events.slice(-1)]).toEqual(["abcde", "started", "end"]);
});

test("below what is kept: gap, then what there is", async () => {
  const { id, say, socket } = await told({ cancel_on_disconnect: false });
  const listener = await plane.events(id);
  const text = "x".repeat(1000);
  for (let n = 0; n < 100; n++) say(said(`${n} ${text}`));
  const last = await listener.when(({ data }) => data["i"] === 99);
  listener.leave();
  const early = await plane.events(id, { from: "1-2" });
  const gap = await early.when(({ event }) => event === "gap");
  expect(early.frames[0]).toBe(gap);
  expect(gap.id).toBeUndefined();
  const { requested, first_available: available } = gap.data as { requested: number; first_available: number };
  expect(requested).toBe(2);
  await early.when(({ id: each }) => each === last.id);
  expect(early.numbers[0]).toBe(available);
  expect(early.numbers).toEqual(Array.from({ length: 101 - available + 1 }, (_, n) => available + n));
  expect(early.raw.length).toBeGreaterThan(RING_BYTES);
  expect(early.raw.length).toBeLessThan(RING_BYTES * 1.5);
  const fresh = await plane.events(id);
  await fresh.when(({ id: each }) => each === last.id);
  expect(fresh.events.slice(0, 3)).toEqual(["started", "gap", "token"]);
  socket.end(FINISH + DONE);
  await Promise.all([early.over, fresh.over]);
});

test("verbose tells how deep the queue is and how fast the tokens come", async () => {
  const { id, say, socket } = await told();
  const [verbose, plain] = [await plane.events(id, { verbose: true }), await plane.events(id)];
  say(said("a"));
  const metrics = await verbose.when(({ event, data }) => event === "metrics" && "queue_depth" in data);
  expect(metrics).toMatchObject({ id: undefined, data: { queue_depth: 0, tokens_per_s: expect.any(Number) } });
  socket.end(FINISH + DONE);
  await Promise.all([verbose.over, plain.over]);
  expect(plain.frames.some(({ data }) => "queue_depth" in data)).toBe(false);
});

test("everybody hears all of it; the engine goes on until the last has left, and then ends within 50 ms", async () => {
  const took = await fastest(async () => {
    const asked = engine.sockets.length;
    const { id, say } = await told();
    const [one, two] = [await plane.events(id), await plane.events(id)];
    say(said("a"));
    for (const tape of [one, two]) await tape.when(({ data }) => data["t"] === "a");
    one.leave();
    await one.over;
    say(said("b"));
    await two.when(({ data }) => data["t"] === "b");
    expect(gone[asked]).toBeUndefined();
    const left = performance.now();
    two.leave();
    await until("upstream to be closed", () => gone[asked]);
    const ms = (gone[asked] ?? Infinity) - left;
    expect(await plane.ended(id)).toMatchObject({ state: "canceled", error: { code: "CANCELED", retriable: false } });
    return ms;
  });
  expect(took).toBeLessThan(50);
});

test("nobody needs to listen, and who wants to come back is waited for", async () => {
  expect(await plane.ended((await plane.task({ ...pinned("m"), max_tokens: 5 })).task_id)).toMatchObject({
    state: "completed",
    tokens_out: 5,
  });
  const { id, say, socket } = await told({ cancel_on_disconnect: false });
  const tape = await plane.events(id);
  await tape.when(({ event }) => event === "started");
  tape.leave();
  await tape.over;
  for (const text of ["a", "b"]) say(said(text));
  expect(await plane.taskThat(id, ({ tokens_out: tokens }) => tokens === 2)).toMatchObject({ state: "running" });
  socket.end(FINISH + DONE);
  expect(await plane.ended(id)).toMatchObject({ state: "completed", tokens_out: 2 });
});

/** A client that reads when it is told to. HTTP/1.0, so that frames come without the framing of chunks. */
function lazy(id: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(plane.url);
    const socket: Socket = connect(Number(port), "127.0.0.1", () => {
      socket.write(`GET /v2/tasks/${id}/events HTTP/1.0\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
      socket.once("data", () => {
        socket.pause();
        resolve(socket);
      });
    });
    socket.once("error", reject);
  });
}

test("the only listener who does not read pauses the engine, and loses nothing when he reads again", async () => {
  const { task_id: id } = await plane.task({ ...loop, max_tokens: 300_000 });
  const socket = await lazy(id);
  await until(
    "the engine to be paused",
    steady(async () => (await stats()).tokens),
    20_000,
  );
  expect((await plane.get(`/v2/tasks/${id}`)).body["state"]).toBe("running");
  const { tokens_out: read } = (await plane.get(`/v2/tasks/${id}`)).body;
  const { tokens: before } = await stats();
  expect(before).toBeLessThan(300_000);
  expect(Number(read)).toBeLessThanOrEqual(before);
  let rest = "";
  let next = -1;
  let ended = false;
  socket.on("data", (bytes: Buffer) => {
    const lines = (rest + bytes.toString("latin1")).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const index = /^data: \{"t":".*","i":(\d+)\}$/.exec(line)?.[1];
      ended ||= line === "event: end";
      if (index === undefined) continue;
      if (next !== -1) expect(Number(index)).toBe(next);
      next = Number(index) + 1;
    }
  });
  socket.resume();
  await until("the end", () => ended, 20_000);
  expect(next).toBe(300_000);
  socket.destroy();
}, 60_000);

test("of several, one that falls behind while another keeps up is disconnected, and the other hears all", async () => {
  const { id, say, socket: engineSide } = await told();
  const socket = await lazy(id);
  const over = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const tape = await plane.events(id);
  const text = "x".repeat(5000);
  const count = 4 * BEHIND;
  for (let n = 0; n < count; n += 64) {
    say(said(text).repeat(64));
    await tape.when(({ data }) => data["i"] === n + 63);
  }
  engineSide.end(FINISH + DONE);
  expect(await tape.over).toBe("ended");
  expect(tape.last).toMatchObject({ event: "end", data: { tokens_out: count } });
  let tail = "";
  socket.on("data", (bytes: Buffer) => (tail = (tail + bytes.toString("latin1")).slice(-200)));
  socket.resume();
  await over;
  expect(tail).not.toContain("event: end");
}, 60_000);

test(`${BEHIND} tokens wait for a listener at most`, async () => {
  const { id, say, socket } = await told();
  const lazyOne = await lazy(id);
  const text = "x".repeat(20_000);
  let written = 0;
  const isPaused = steady(async () => Number((await plane.get(`/v2/tasks/${id}`)).body["tokens_out"]));
  await until(
    "the engine to be paused",
    async () => {
      if (socket.writableLength < 1_000_000) for (let n = 0; n < 20; n++, written++) say(said(text));
      return written > 2000 || (await isPaused());
    },
    20_000,
  );
  const { tokens_out: read } = (await plane.get(`/v2/tasks/${id}`)).body;
  expect(Number(read)).toBeLessThan(2000);
  lazyOne.destroy();
  await plane.ended(id);
}, 60_000);

/** Whether a count has stood still for a while. */
function steady(count: () => Promise<number>): () => Promise<boolean> {
  let [last, since] = [-1, 0];
  return async () => {
    const now = await count();
    if (now !== last) [last, since] = [now, performance.now()];
    return now > 0 && performance.now() - since > 300;
  };
}
