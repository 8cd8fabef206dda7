import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { EngineRig } from "../../src/inference/mock/engine.fake.ts";
import { until } from "../until.ts";
import { expectRefusal, type Fields, planeOf, type Problem } from "./inference-rig.ts";
import { ANSWER, RawEngine, said, STREAM_HEAD } from "./raw-engine.ts";

/** `POST /v2/tasks/{id}/cancel` in every state (inference.md, "Tasks" and "Task"). */

const plane = planeOf();
const closed: number[] = [];
let engine: RawEngine;
/** What the engine writes when it is asked. */
let greeting = STREAM_HEAD;
const mock = new EngineRig({ slots: 2, ctx: 10_000_000 });

beforeAll(async () => {
  engine = await RawEngine.start((socket, _asked, n) => {
    socket.write(greeting);
    socket.on("close", () => void (closed[n] = performance.now()));
  });
  await plane.pool("p", engine.url, { slots: 1 });
  await plane.pool("m", mock.engine.url, { slots: 2 });
});
afterAll(() => {
  engine[Symbol.dispose]();
  mock.engine.stop();
});
afterEach(async () => {
  for (const socket of engine.sockets) socket.destroy();
  await plane.calm();
  for (const list of [engine.asked, engine.sockets, closed]) list.splice(0);
});

const pinned = (pool: string): Fields => ({ placement: { mode: "pin", pin_pool_id: pool } });

async function begun(greet: string): Promise<{ id: string; socket: Socket }> {
  greeting = greet;
  const { task_id: id } = await plane.task({ ...pinned("p"), cancel_on_disconnect: false });
  return { id, socket: await until("the engine to be asked", () => engine.sockets[0]) };
}

test.each([
  ["before the engine has said a byte", ""],
  ["after the engine's head", STREAM_HEAD],
  ["in mid-stream", `${STREAM_HEAD}${said("a")}`],
])("%s: every listener is told, the engine is let go, the slot is free, and the task is canceled", async (_when, greet) => {
  const { id } = await begun(greet);
  const tapes = [await plane.events(id), await plane.events(id)];
  if (greet.includes("data:")) for (const tape of tapes) await tape.when(({ event }) => event === "token");
  const canceled = await plane.cancel(id);
  expect([canceled.status, canceled.text]).toEqual([204, ""]);
  expect((await plane.get(`/v2/tasks/${id}`)).body).toMatchObject({ state: "canceled", error: { code: "CANCELED", retriable: false } });
  expect((await plane.get("/v2/pools/p")).body).toMatchObject({ slots_free: 1, queue_depth: 0 });
  for (const tape of tapes) {
    expect(await tape.over).toBe("ended");
    expect(tape.last).toMatchObject({ event: "error", data: { code: "CANCELED", retriable: false } });
    expect(tape.events.filter((event) => event === "end")).toEqual([]);
  }
  await until("upstream to be closed", () => closed[0]);
  greeting = ANSWER;
  const next = plane.task(pinned("p"));
  await until("the next to be asked", () => engine.sockets[1]);
  engine.sockets[1]?.end();
  expect(await plane.ended((await next).task_id)).toMatchObject({ state: "completed" });
});

test("nothing that the engine says after the 204 is delivered", async () => {
  const { id, socket } = await begun(`${STREAM_HEAD}${said("a")}`);
  const tape = await plane.events(id);
  const chatter = setInterval(() => !socket.destroyed && socket.write(said("late").repeat(50)), 0);
  await tape.when(({ data }) => data["t"] === "late");
  await plane.cancel(id);
  const heard = await plane.events(id);
  await Promise.all([tape.over, heard.over]);
  clearInterval(chatter);
  expect(tape.last?.event).toBe("error");
  // Who comes after the cancel hears the same and no more.
  expect(heard.last?.id).toBe(tape.last?.id);
  const { tokens_out: tokens } = (await plane.get(`/v2/tasks/${id}`)).body;
  expect(tape.of("token").length).toBe(Number(tokens));
});

test("it is idempotent, after the end too; what is not known is 404", async () => {
  const { id } = await begun("");
  const replies = await Promise.all(Array.from({ length: 10 }, () => plane.cancel(id)));
  expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 204));
  expect((await plane.cancel(id)).status).toBe(204);
  const { task_id: done } = await plane.task({ ...pinned("m"), max_tokens: 2 });
  await plane.ended(done);
  expect((await plane.cancel(done)).status).toBe(204);
  expect((await plane.get(`/v2/tasks/${done}`)).body).toMatchObject({ state: "completed" });
  expectRefusal(await plane.post<Problem>(`/v2/tasks/${crypto.randomUUID()}/cancel`), { status: 404, code: "NOT_FOUND", retriable: false });
  expect(await plane.metric('tasks_canceled_total{reason="CANCELED"}')).toBeGreaterThan(0);
});

test("hundreds of cancels at random moments: one end each, nothing behind it, and no slot is lost", async () => {
  const one = async (n: number): Promise<void> => {
    const { task_id: id } = await plane.task({ ...pinned("m"), prompt: "loop", max_tokens: 400, cancel_on_disconnect: n % 2 === 0 });
    const tape = await plane.events(id);
    const at = Math.floor(Math.random() * 30);
    await until("its moment", () => tape.of("token").length >= at || tape.last?.event === "end");
    expect((await plane.cancel(id)).status).toBe(204);
    const after = tape.frames.length;
    await tape.over;
    const ends = tape.frames.filter(({ event }) => event === "end" || event === "error");
    expect(ends).toHaveLength(1);
    expect(tape.last).toBe(ends[0] as never);
    expect(tape.frames.length).toBeGreaterThanOrEqual(after);
    expect(tape.numbers).toEqual(tape.numbers.map((_, index) => index + 1));
  };
  for (let batch = 0; batch < 15; batch++) await Promise.all(Array.from({ length: 20 }, (_, n) => one(n)));
  await plane.poolThat("m", ({ slots_free: free, queue_depth: depth }) => free === 2 && depth === 0);
  const stats = (await mock.get("/stats")) as { active: number; peak: number; refused: number };
  expect({ active: stats.active, refused: stats.refused }).toEqual({ active: 0, refused: 0 });
  expect(stats.peak).toBeLessThanOrEqual(2);
}, 60_000);

test("the error is on the wire of a listener before the 204 is on its own", async () => {
  const { id } = await begun(`${STREAM_HEAD}${said("a")}`);
  const { port } = new URL(plane.url);
  const heard: Record<string, string> = {};
  const dial = (name: string, request: string): Socket => {
    const socket: Socket = connect(Number(port), "127.0.0.1", () => socket.write(`${request} HTTP/1.0\r\nHost: 127.0.0.1:${port}\r\n\r\n`));
    return socket.on("data", (bytes: Buffer) => (heard[name] = (heard[name] ?? "") + bytes.toString("latin1")));
  };
  const listener = dial("events", `GET /v2/tasks/${id}/events`);
  await until("the token", () => heard["events"]?.includes("event: token"));
  const canceler = dial("cancel", `POST /v2/tasks/${id}/cancel`);
  await until("the 204", () => heard["cancel"]?.includes(" 204 "));
  // What has arrived on both sockets at once is read in one turn, in any order.
  await new Promise((resolve) => setImmediate(resolve));
  expect(heard["events"]).toContain("event: error");
  for (const socket of [listener, canceler]) socket.destroy();
});
