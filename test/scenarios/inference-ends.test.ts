import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { until } from "../until.ts";
import { type Fields, nodeWith, planeOf } from "./inference-rig.ts";
import { DONE, FINISH, RawEngine, said, STREAM_HEAD } from "./raw-engine.ts";

/** What becomes of tasks when what they are on goes: a pool, a node, an engine that takes nothing. */

const STALE_MS = 5000;
const plane = planeOf({
  ORCHD_FIRST_TOKEN_TIMEOUT_MS: "5000",
  ORCHD_IDLE_TOKEN_TIMEOUT_MS: "20000",
  ORCHD_NODE_STALE_MS: String(STALE_MS),
});
let engine: RawEngine;
const closed: number[] = [];

beforeAll(async () => {
  engine = await RawEngine.start((socket, _asked, n) => {
    socket.write(STREAM_HEAD + said("a"));
    socket.on("close", () => void (closed[n] = performance.now()));
  });
});
afterAll(() => engine[Symbol.dispose]());
afterEach(async () => {
  for (const socket of engine.sockets) socket.destroy();
  await plane.calm();
  for (const list of [engine.asked, engine.sockets, closed]) list.splice(0);
});

const pin = (pool: string): Fields => ({ placement: { mode: "pin", pin_pool_id: pool }, cancel_on_disconnect: false });

test("a pool that is removed: what waits and what runs ends, retriable, and upstream is closed or done", async () => {
  await plane.pool("gone", engine.url, { slots: 1 });
  const running = await plane.running(pin("gone"));
  const { task_id: waits } = await plane.task(pin("gone"));
  const tapes = [await plane.events(running), await plane.events(waits)];
  expect((await plane.call("DELETE", "/v2/pools/gone")).status).toBe(204);
  expect(await plane.ended(waits)).toMatchObject({ state: "failed", error: { code: "POOL_UNAVAILABLE", retriable: true } });
  engine.sockets[0]?.end(FINISH + DONE);
  await Promise.all(tapes.map(({ over }) => over));
  expect((await plane.ended(running)).state).toBeOneOf(["failed", "completed"]);
  expect((await plane.ask(pin("gone"))).status).toBe(404);
});

test("a node that falls silent gets no more tasks; what its engine still says is heard", async () => {
  const entry = {
    pool_id: "far",
    ready: true,
    draining: false,
    slots_free: 1,
    slots_total: 1,
    vram_free_bytes: 0,
    engine: "mock",
  } as const;
  await plane.post("/v2/nodes/register", nodeWith("n", [{ ...entry, endpoint: engine.url, models_available: ["chain"] }]));
  await plane.poolThat("far", ({ ready }) => ready);
  const running = await plane.running(pin("far"));
  await plane.poolThat("far", ({ ready }) => !ready);
  expect((await plane.ask(pin("far"))).body).toMatchObject({ status: 503, code: "POOL_UNREADY" });
  const tape = await plane.events(running);
  engine.sockets[0]?.end(said("b") + FINISH + DONE);
  await tape.over;
  expect([tape.said, tape.last?.event]).toEqual(["ab", "end"]);
  await plane.call("DELETE", "/v2/nodes/n");
});

test("what waits for a pool whose engines stay away is ended in time", async () => {
  await plane.pool("away", engine.url, { slots: 1 });
  const running = await plane.running(pin("away"));
  const { task_id: waits } = await plane.task(pin("away"));
  const replicas = [{ id: "r0", url: "http://127.0.0.1:9", slots: 1 }];
  expect((await plane.call("PUT", "/v2/pools/away", { json: { engine: "mock", models: ["chain"], replicas } })).status).toBe(200);
  expect(await plane.ended(waits)).toMatchObject({ state: "failed", error: { code: "POOL_UNREADY", retriable: true } });
  await plane.cancel(running);
  await plane.call("DELETE", "/v2/pools/away");
});

test("an engine that does not read what it is sent holds nothing up", async () => {
  const sockets: Socket[] = [];
  const deaf: Server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (bytes: Buffer) => {
      if (bytes.toString("latin1").startsWith("GET")) {
        const body = '{"object":"list","data":[{"id":"chain","object":"model"}]}';
        socket.end(
          `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
        );
      } else {
        sockets.push(socket);
        socket.pause();
      }
    });
  });
  await new Promise<void>((resolve) => deaf.listen(0, "127.0.0.1", resolve));
  const address = deaf.address();
  await plane.pool("deaf", `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`, { slots: 1 });
  const long = { prompt: "x".repeat(20 * 2 ** 20), ...pin("deaf") };
  const { task_id: id } = await plane.task(long);
  await until("the engine to be asked", () => sockets[0]);
  expect((await plane.cancel(id)).status).toBe(204);
  // Not by its timeout.
  expect((await plane.get(`/v2/tasks/${id}`)).body).toMatchObject({ state: "canceled" });
  const { task_id: other } = await plane.task(long);
  expect(await plane.ended(other)).toMatchObject({ state: "failed", error: { code: "DECODE_TIMEOUT" } });
  await plane.call("DELETE", "/v2/pools/deaf");
  for (const socket of sockets) socket.destroy();
  deaf.close();
});

test("hundreds of listeners at once hear all of it", async () => {
  await plane.pool("many", engine.url, { slots: 1 });
  const { task_id: id } = await plane.task(pin("many"));
  const socket = await until("the engine to be asked", () => engine.sockets[0]);
  const tapes = await Promise.all(Array.from({ length: 200 }, () => plane.events(id)));
  for (let n = 0; n < 50; n++) socket.write(said(` ${n}`));
  socket.end(FINISH + DONE);
  await Promise.all(tapes.map(({ over }) => over));
  const whole = ["a", ...Array.from({ length: 50 }, (_, n) => ` ${n}`)].join("");
  expect(tapes.filter((tape) => tape.said !== whole || tape.last?.event !== "end")).toEqual([]);
  await plane.call("DELETE", "/v2/pools/many");
});
