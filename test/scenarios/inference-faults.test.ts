import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { systemClock } from "../../src/kernel/clock.ts";
import { until } from "../until.ts";
import { type Fields, planeOf } from "./inference-rig.ts";
import type { Tape } from "./inference-tape.ts";
import { ANSWER, DONE, FINISH, RawEngine, said, STREAM_HEAD, whole } from "./raw-engine.ts";
import type { Socket } from "node:net";

const clock = systemClock();

/** Engines that do not do what they should (inference.md, "Resilience" and "Faults"; the bad input of the issue). */

/** Of the frames of engines below, those that are neither an object nor null. */
const SKIPPED = 4;
const OPEN_MS = 4000;
const plane = planeOf({
  ORCHD_FIRST_TOKEN_TIMEOUT_MS: "5000",
  ORCHD_IDLE_TOKEN_TIMEOUT_MS: "10000",
  ORCHD_BREAKER_FAILURES: "3",
  ORCHD_BREAKER_OPEN_MS: String(OPEN_MS),
});
let engine: RawEngine;
let misbehave: (socket: Socket, n: number) => void;
/** Breakers are of a replica: each test has a pool of its own. */
let pool = 0;

beforeAll(async () => {
  engine = await RawEngine.start((socket, _asked, n) => misbehave(socket, n));
});
afterAll(() => engine[Symbol.dispose]());
afterEach(async () => {
  for (const socket of engine.sockets) socket.destroy();
  await plane.calm();
  await plane.call("DELETE", `/v2/pools/p${pool}`);
  for (const list of [engine.asked, engine.sockets]) list.splice(0);
});

const pin = (): Fields => ({ placement: { mode: "pin", pin_pool_id: `p${pool}` } });

/** The stream of a task whose engine answers its n-th request like this. */
async function withEngine(answer: (socket: Socket, n: number) => void, more: Fields = {}): Promise<Tape> {
  misbehave = answer;
  await plane.pool(`p${++pool}`, engine.url);
  const tape = await plane.whole({ ...pin(), ...more });
  expect(await tape.over).toBe("ended");
  return tape;
}

const ok = (n: number, from: number): string | undefined => (n >= from ? ANSWER : undefined);

describe("before the first token it is tried again", () => {
  const refused = whole(500, '{"error":{"message":"oops"}}');
  test.each([
    ["a connection that is cut at once", (socket: Socket) => void socket.destroy()],
    ["a reset", (socket: Socket) => void socket.resetAndDestroy()],
    ["an end before the head", (socket: Socket) => void socket.end()],
    ["half a head", (socket: Socket) => void socket.end("HTTP/1.1 200 OK\r\nContent-Ty")],
    ["500", (socket: Socket) => void socket.end(refused)],
    ["503 without a body", (socket: Socket) => void socket.end("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")],
    ["something that is no HTTP", (socket: Socket) => void socket.end("SSH-2.0-OpenSSH_9.6\r\n")],
    ["200 with an error body", (socket: Socket) => void socket.end(whole(200, '{"error":{"message":"no","code":500}}'))],
    [
      "200 with HTML",
      (socket: Socket) => void socket.end("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<p>hi</p>"),
    ],
    ["an error as its first frame", (socket: Socket) => void socket.end(`${STREAM_HEAD}data: {"error":{"message":"cuda","code":500}}\n\n`)],
    ["a stream that ends at once", (socket: Socket) => void socket.end(STREAM_HEAD)],
  ])("%s", async (_what, fail) => {
    const tape = await withEngine((socket, n) => (n < 2 ? fail(socket) : void socket.end(ANSWER)));
    expect(tape.last).toMatchObject({ event: "end", data: { tokens_out: 1 } });
    expect([tape.said, engine.asked.length]).toEqual(["a", 3]);
  });

  test("four times at most, then REPLICA_EXHAUSTED", async () => {
    const tape = await withEngine((socket) => void socket.end(whole(503, "{}")));
    expect(tape.last).toMatchObject({ event: "error", data: { code: "REPLICA_EXHAUSTED", retriable: true } });
    expect(engine.asked.length).toBe(4);
  });

  test("429 is waited for as long as it says, and does not open the circuit", async () => {
    const at: number[] = [];
    const tape = await withEngine((socket, n) => {
      at.push(performance.now());
      socket.end(ok(n, 3) ?? whole(429, "{}", n === 0 ? "Retry-After: 1\r\n" : ""));
    });
    expect(tape.last?.event).toBe("end");
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(990);
    expect((await plane.get<{ replicas: Fields[] }>(`/v2/pools/p${pool}`)).body.replicas[0]).toMatchObject({ breaker: "closed" });
  });

  test("on another replica, where there is one", async () => {
    using dead = await RawEngine.start((socket) => socket.destroy());
    misbehave = (socket) => void socket.end(ANSWER);
    await plane.pool(`p${++pool}`, [dead.url, engine.url], { policy: "round-robin" });
    for (let n = 0; n < 4; n++)
      expect(await plane.ended((await plane.task(pin())).task_id)).toMatchObject({ state: "completed", replica_id: "r1" });
    expect(dead.asked.length).toBeGreaterThan(0);
  });

  test("a replica with a wrong key leaves its tasks to another", async () => {
    using keyless = await RawEngine.start((socket) => void socket.end(whole(401, '{"error":{"message":"no key"}}')));
    misbehave = (socket) => void socket.end(ANSWER);
    await plane.pool(`p${++pool}`, [keyless.url, engine.url]);
    for (let n = 0; n < 5; n++)
      expect(await plane.ended((await plane.task(pin())).task_id)).toMatchObject({ state: "completed", replica_id: "r1" });
    expect(keyless.asked.length).toBeGreaterThanOrEqual(3);
  });

  test.each([400, 401, 404, 422])("never the engine's own %d", async (status) => {
    const tape = await withEngine((socket) => void socket.end(whole(status, '{"error":{"message":"what is this","code":7}}')));
    expect(tape.last).toMatchObject({ event: "error", data: { code: "INVALID_PARAMS", retriable: false, engine: "mock" } });
    expect(tape.last?.data["message"]).toContain("what is this");
    expect(engine.asked.length).toBe(1);
  });
});

test("a prompt that is refused in the stream of a 200 is asked once, and takes no replica out", async () => {
  const refusal = '{"error":"Input validation error: `inputs` must have less than 1024 tokens","error_type":"validation"}';
  const tape = await withEngine((socket) => void socket.end(`${STREAM_HEAD}data: ${refusal}\n\n`));
  expect(tape.last).toMatchObject({ event: "error", data: { code: "INVALID_PARAMS", retriable: false } });
  for (let n = 0; n < 3; n++) await plane.ended((await plane.task(pin())).task_id);
  expect(engine.asked.length).toBe(4);
  expect((await plane.get<{ replicas: Fields[] }>(`/v2/pools/p${pool}`)).body.replicas[0]).toMatchObject({ breaker: "closed" });
});

describe("after the first token", () => {
  test.each([
    ["ends cleanly, but without a reason", (socket: Socket) => void socket.end()],
    ["is cut in the middle of a frame", (socket: Socket) => void socket.end(said("b").slice(0, 20))],
    ["is reset", (socket: Socket) => void socket.resetAndDestroy()],
    ["says an error", (socket: Socket) => void socket.end(`data: {"error":{"message":"cuda","code":500}}\n\n`)],
    ["says an error and then [DONE]", (socket: Socket) => void socket.end(`data: {"error":{"message":"cuda","code":500}}\n\n${DONE}`)],
  ])("an engine that %s is WORKER_RESET, and not asked again", async (_what, die) => {
    const tape = await withEngine((socket) => {
      socket.write(`${STREAM_HEAD}${said("a")}`);
      setImmediate(() => die(socket));
    });
    expect(tape.last).toMatchObject({ event: "error", data: { code: "WORKER_RESET", retriable: true } });
    expect([tape.said, engine.asked.length]).toEqual(["a", 1]);
  });

  test("frames that nobody can read are passed over", async () => {
    const junk = [
      "data: {not json\n\n",
      "data: null\n\n",
      "data: []\n\n",
      "data: 7\n\n",
      ": comment\n\n",
      "event: x\ndata: {}\n\n",
      "\n\n",
      "data:\n\n",
    ];
    const tape = await withEngine((socket) => void socket.end(`${STREAM_HEAD}${said("a")}${junk.join("")}${said("b")}${FINISH}${DONE}`));
    expect([tape.said, tape.last?.event]).toEqual(["ab", "end"]);
    expect(await plane.metric(`orchd_frames_skipped_total{pool_id="p${pool}"}`)).toBe(SKIPPED);
  });

  test("halves of a character become one", async () => {
    const tape = await withEngine((socket) => {
      const bytes = Buffer.from(`${STREAM_HEAD}${said("é🌍漢")}${FINISH}${DONE}`);
      let at = 0;
      const drip = (): void => {
        socket.write(bytes.subarray(at, ++at));
        if (at < bytes.length) setImmediate(drip);
        else socket.end();
      };
      drip();
    });
    expect([tape.said, tape.last?.event]).toEqual(["é🌍漢", "end"]);
  });

  test("half a character in a token does not break the stream", async () => {
    const half = Buffer.concat([
      Buffer.from('data: {"choices":[{"index":0,"text":"'),
      Buffer.from([0xf0, 0x9f]),
      Buffer.from('","finish_reason":null}]}\n\n'),
    ]);
    const tape = await withEngine((socket) => {
      socket.write(Buffer.concat([Buffer.from(`${STREAM_HEAD}${said("a")}`), half, Buffer.from(said("b") + FINISH + DONE)]));
      socket.end();
    });
    expect(tape.said).toMatch(/^a.*b$/);
    expect(tape.last?.event).toBe("end");
  });

  test("a frame of 10 MB is delivered, or ends the task; it never hangs", async () => {
    const tape = await withEngine((socket) => void socket.end(`${STREAM_HEAD}${said("a")}${said("x".repeat(10_000_000))}${FINISH}${DONE}`));
    if (tape.last?.event === "end") expect(tape.said.length).toBe(10_000_001);
    else expect(tape.last).toMatchObject({ event: "error", data: { code: "WORKER_RESET" } });
    expect((await plane.get("/health")).status).toBe(200);
  });

  test("an engine that says all but never closes has ended with [DONE]", async () => {
    const tape = await withEngine((socket) => void socket.write(`${STREAM_HEAD}${said("a")}${FINISH}${DONE}`));
    expect(tape.last).toMatchObject({ event: "end", data: { finish_reason: "stop" } });
  });

  test("one that sends nothing but comments is given up", async () => {
    const tape = await withEngine((socket) => {
      socket.write(STREAM_HEAD);
      const timer = setInterval(() => (socket.destroyed ? clearInterval(timer) : socket.write(": ping\n\n")), 50);
    });
    expect(tape.last).toMatchObject({ event: "error", data: { code: "DECODE_TIMEOUT" } });
  }, 60_000);
});

test("an engine that is slow to accept is waited for", async () => {
  const tape = await withEngine((socket) => void clock.after(700, () => socket.end(ANSWER)));
  expect(tape.last?.event).toBe("end");
  expect(engine.asked.length).toBe(1);
});

test("a circuit opens after failures in a row, is left alone, and closes with one probe", async () => {
  const breaker = async (): Promise<unknown> =>
    (await plane.get<{ replicas: Fields[] }>(`/v2/pools/p${pool}`)).body.replicas[0]?.["breaker"];
  const times: number[] = [];
  // It is well again by the time of the probe.
  using flaky = await RawEngine.start((socket) => {
    times.push(performance.now());
    socket.end(times.length > 3 ? ANSWER : whole(500, "{}"));
  });
  await plane.pool(`p${++pool}`, flaky.url);
  const { task_id: id } = await plane.task(pin());
  await until("the circuit to open", async () => (await breaker()) === "open");
  expect(times.length).toBe(3);
  expect(await plane.ended(id)).toMatchObject({ state: "completed" });
  expect(times.length).toBe(4);
  expect((times[3] ?? 0) - (times[2] ?? 0)).toBeGreaterThan(OPEN_MS - 20);
  expect(await breaker()).toBe("closed");
});

test("of many that wait for an open circuit one goes first", async () => {
  let [healthy, open, most] = [false, 0, 0];
  using flaky = await RawEngine.start((socket) => {
    most = Math.max(most, ++open);
    socket.on("close", () => open--);
    clock.after(30, () => socket.end(healthy ? ANSWER : whole(500, "{}")));
  });
  await plane.pool(`p${++pool}`, flaky.url, { slots: 8 });
  const { task_id: first } = await plane.task(pin());
  await until("the circuit to open", async () => {
    const { replicas } = (await plane.get<{ replicas: Fields[] }>(`/v2/pools/p${pool}`)).body;
    return replicas[0]?.["breaker"] === "open";
  });
  const ids = await Promise.all(Array.from({ length: 5 }, () => plane.task(pin())));
  most = 0;
  const asked = flaky.asked.length;
  await until("the probe", () => flaky.asked.length > asked);
  await until("its end", () => open === 0);
  expect(most).toBe(1);
  healthy = true;
  // It was the probe, and that was its last try.
  expect(await plane.ended(first)).toMatchObject({ state: "failed", error: { code: "REPLICA_EXHAUSTED" } });
  for (const { task_id: each } of ids) expect(await plane.ended(each)).toMatchObject({ state: "completed" });
});
