import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { fastest } from "../../test/fastest.ts";
import { failure } from "../inference/failure.ts";
import { eventsIn } from "../inference/relay/reader.fake.ts";
import { type InferenceServer, startInferenceServer } from "./inference.fake.ts";

const ID = "11111111-2222-4333-8444-555555555555";
const TASK = { task_id: ID, model_ref: "chain", prompt: "hi" };
const END = { tokens_in: 1, tokens_out: 1, decode_ms: 2, finish_reason: "stop" };

let server: InferenceServer;
beforeEach(() => (server = startInferenceServer()));
afterEach(() => server.dispose());

async function accepted(more: object = {}) {
  const response = await server.post("/v2/tasks", { ...TASK, ...more });
  expect(response.status).toBe(202);
  const task = server.tasks.made.at(-1);
  if (!task) throw new Error("no task was made");
  return task;
}

const events = (query = "", headers: Record<string, string> = {}) => fetch(`${server.url}/v2/tasks/${ID}/events${query}`, { headers });

/** A connection that has got the head and the first bytes of the events. */
async function watching(): Promise<Socket> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.on("error", () => undefined);
  const first = new Promise((resolve) => socket.once("data", resolve));
  socket.write(`GET /v2/tasks/${ID}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  await first;
  return socket;
}

describe("POST /v2/tasks", () => {
  test("takes every field of the contract", async () => {
    const task = await accepted({
      session_id: "s",
      workload: "completion",
      engine: "vllm",
      ctx: 100,
      priority: "batch",
      max_tokens: 5,
      deadline_ms: 1000,
      seed: 7,
      temperature: 0.5,
      stop: "x",
      determinism: "strict",
      expected_tokens: 3,
      kv_hint: "cold",
      placement: { mode: "pin", pin_pool_id: "p", allow_fallback: false },
      cancel_on_disconnect: false,
    });
    expect(task.request).toMatchObject({
      taskId: ID,
      workload: "completion",
      model: "chain",
      engine: "vllm",
      prompt: "hi",
      ctx: 100,
      priority: "batch",
      maxTokens: 5,
      deadlineMs: 1000,
      seed: 7,
      temperature: 0.5,
      stop: ["x"],
      determinism: "strict",
      expectedTokens: 3,
      kvHint: "cold",
      sessionId: "s",
      shareKey: "session:s",
      cancelOnDisconnect: false,
      placement: { mode: "pin", pinPoolId: "p", preferPools: [], avoidPools: [], allowFallback: false },
    });
  });

  test("has the defaults of the contract; a seed that is the task's own", async () => {
    const { request } = await accepted();
    const { seed } = request;
    expect(request).toMatchObject({
      workload: "completion",
      priority: "interactive",
      kvHint: "reuse",
      cancelOnDisconnect: true,
      shareKey: "anonymous",
    });
    expect(request.determinism).toBe("best_effort");
    expect(seed).toBe((await accepted()).request.seed);
    expect(seed >= 0 && seed <= 2 ** 31 - 1 && Number.isInteger(seed)).toBe(true);
    expect((await accepted({ task_id: "11111111-2222-4333-8444-555555555556" })).request.seed).not.toBe(seed);
  });

  test("knows a task by its id in either case", async () => {
    const upper = "AAAAAAAA-2222-4333-8444-BBBBBBBBBBBB";
    const { request, channel } = await accepted({ task_id: upper });
    channel.ended(END);
    expect(request.taskId).toBe(upper.toLowerCase());
    for (const path of ["", "/events"]) expect((await fetch(`${server.url}/v2/tasks/${upper}${path}`)).status).toBe(200);
    expect((await fetch(`${server.url}/v2/tasks/${upper}/cancel`, { method: "POST" })).status).toBe(204);
  });

  test("refuses what is not in the contract, and says where", async () => {
    const bad: [object, string][] = [
      [{ model_ref: undefined }, "/model_ref"],
      [{ task_id: "x" }, "/task_id"],
      [{ max_tokens: 0 }, "/max_tokens"],
      [{ tokens: 1 }, "/tokens"],
      [{ workload: "chat" }, "/messages"],
      [{ workload: "rerank", prompt: undefined, inputs: ["x"] }, "/inputs"],
      [{ messages: [{ role: "user", content: "x" }], workload: "completion" }, "/messages"],
      [{ placement: { mode: "pin" } }, "/placement/pin_pool_id"],
    ];
    for (const [more, pointer] of bad) {
      const response = await server.post("/v2/tasks", { ...TASK, ...more });
      const problem = (await response.json()) as { code: string; errors: { pointer: string }[] };
      expect([response.status, problem.code, problem.errors[0]?.pointer]).toEqual([400, "INVALID_PARAMS", pointer]);
    }
    expect(server.tasks.made).toEqual([]);
  });

  test("that finds the queue full says when to come back", async () => {
    server.tasks.refusal = failure("ADMISSION_REJECT", "full", { retry_after_ms: 1200, policy_label: "reject" });
    const response = await server.post("/v2/tasks", TASK);
    expect([response.status, response.headers.get("retry-after"), response.headers.get("x-backoff-ms")]).toEqual([429, "2", "1200"]);
    expect(await response.json()).toMatchObject({
      code: "ADMISSION_REJECT",
      retriable: true,
      retry_after_ms: 1200,
      policy_label: "reject",
    });
  });

  test("hands a right traceparent on, and no wrong one", async () => {
    const right = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (const traceparent of [right, right.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0".repeat(32)), "x"]) {
      await server.post("/v2/tasks", TASK, { headers: { traceparent } });
      expect(server.tasks.made.at(-1)?.request.traceparent).toBe(traceparent === right ? right : undefined);
    }
  });

  test("explains without doing", async () => {
    expect(await (await server.post("/v2/placement/explain", TASK)).json()).toMatchObject({ pool: "p", reason: "serves chain" });
    expect(server.tasks.made).toEqual([]);
  });
});

describe("the events of a task", () => {
  test("come as they happen, one write a token, without a hello", async () => {
    const { channel } = await accepted();
    channel.started({ queuePosition: 0, predictedStartMs: 0 });
    const response = await events();
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    let text = "";
    const until = async (mark: string): Promise<void> => {
      while (!text.includes(mark)) text += new TextDecoder().decode((await reader.read()).value);
    };
    await until("event: started");
    for (let n = 0; n < 20; n++) {
      channel.token(`t${n}`);
      await until(`"i":${n}}`);
    }
    channel.ended(END);
    await until("event: end");
    expect((await reader.read()).done).toBe(true);
    const seen = eventsIn(text);
    expect(seen[0]?.event).toBe("started");
    expect(seen.map(({ id }) => Number(id?.split("-")[1]))).toEqual(Array.from({ length: 22 }, (_, n) => n + 1));
  });

  test("are resumed by header and by query, and after the end there are none", async () => {
    const { channel } = await accepted();
    for (const word of ["a", "b", "c"]) channel.token(word);
    channel.ended(END);
    const numbers = async (response: Promise<Response>) =>
      eventsIn(await (await response).text()).map(({ id }) => Number(id?.split("-")[1]));
    const [one = "", two = "", three = "", four = ""] = eventsIn(await (await events()).text()).map(({ id }) => id);
    expect(await numbers(events("", { "last-event-id": two }))).toEqual([3, 4]);
    expect(await numbers(events(`?lastEventId=${one}`))).toEqual([2, 3, 4]);
    expect(await numbers(events(`?lastEventId=${one}`, { "last-event-id": three }))).toEqual([4]);
    expect((await events("", { "last-event-id": four })).status).toBe(204);
    expect((await events("", { "last-event-id": "2099-01-01T00:00:00Z" })).status).toBe(204);
    expect((await events("?lastEventId=nonsense")).status).toBe(400);
  });

  test("are told anew to who has an id of the task that had this task's id before", async () => {
    const { channel } = await accepted();
    channel.token("new");
    channel.ended(END);
    for (const id of ["1000-1", "1000-2", "1000-9"]) {
      const seen = eventsIn(await (await events("", { "last-event-id": id })).text());
      expect(seen.map(({ event }) => event)).toEqual(["reset", "token", "end"]);
    }
  });

  test("with metrics only when they are wanted", async () => {
    const { channel } = await accepted();
    const [plain, verbose] = await Promise.all([events(), events("?verbose=true")]);
    channel.metrics({ tokens_per_s: 3, queue_depth: 0 }, true);
    channel.ended(END);
    expect(await plain?.text()).not.toContain("metrics");
    expect(await verbose?.text()).toContain('event: metrics\ndata: {"tokens_per_s":3,"queue_depth":0}');
  });

  test("of no task are a 404 of the inference API", async () => {
    const response = await events();
    const { code } = (await response.json()) as { code: string };
    expect([response.status, code]).toEqual([404, "NOT_FOUND"]);
  });

  test("the client vanishes: the task is given up within 50 ms", async () => {
    for (const goodbye of ["end", "destroy", "resetAndDestroy"] as const) {
      const took = await fastest(async () => {
        server.tasks.made.length = 0;
        const { channel, canceled } = await accepted();
        const socket = await watching();
        channel.token("x");
        const at = performance.now();
        socket[goodbye]();
        await canceled;
        return performance.now() - at;
      });
      expect(took).toBeLessThan(50);
    }
  });

  test("a client that takes nothing pauses its engine, and gets every token when it reads again", async () => {
    const { channel } = await accepted();
    const { made } = server.tasks;
    const socket = await watching();
    socket.pause();
    expect(made[0]?.isPaused).toBe(false);
    let said = 0;
    const text = "x".repeat(1000);
    while (!made[0]?.isPaused && said < 50_000) {
      for (let n = 0; n < 50; n++, said++) channel.token(text);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(made[0]?.isPaused).toBe(true);
    let seen = "";
    let count = 0;
    const over = new Promise((resolve) => socket.once("close", resolve));
    socket.on("data", (bytes) => {
      const all = seen + bytes.toString("latin1");
      count += all.split("event: token\n").length - 1;
      seen = all.slice(-12);
      if (!made[0]?.isPaused) channel.ended(END);
      if (all.includes("event: end")) socket.end();
    });
    socket.resume();
    await over;
    expect(made[0]?.isPaused).toBe(false);
    expect(count).toBe(said);
  }, 60_000);

  test("end with the server, so that clients come back to the next", async () => {
    const { channel } = await accepted({ cancel_on_disconnect: false });
    channel.token("x");
    const response = await events();
    const text = response.text();
    await server.close();
    expect(eventsIn(await text).map(({ event }) => event)).toEqual(["token"]);
    expect((server.tasks.made[0] as { isCanceled: boolean }).isCanceled).toBe(false);
  });
});

test("cancel answers 204 after every consumer was told", async () => {
  const { channel } = await accepted();
  channel.token("a");
  const response = await events();
  expect((await fetch(`${server.url}/v2/tasks/${ID}/cancel`, { method: "POST" })).status).toBe(204);
  channel.token("b");
  const seen = eventsIn(await response.text());
  expect(seen.map(({ event, data }) => data["t"] ?? data["code"] ?? event)).toEqual(["a", "CANCELED"]);
  expect((await fetch(`${server.url}/v2/tasks/nobody/cancel`, { method: "POST" })).status).toBe(404);
});
