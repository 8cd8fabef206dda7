import { afterEach, describe, expect, test } from "bun:test";
import type { EventView } from "../client/wire.ts";
import { FakeDaemon, problem } from "./daemon.fake.ts";
import { narrated } from "./narration.ts";

const daemons: FakeDaemon[] = [];
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.stop();
});

function fake(answers: ConstructorParameters<typeof FakeDaemon>[0]): FakeDaemon {
  const daemon = new FakeDaemon(answers);
  daemons.push(daemon);
  return daemon;
}

const ID = "01a20038-8fce-701b-9da7-d87171687a66";
const MODEL = {
  id: "org/m",
  source_url: "m.gguf",
  tags: [],
  state: "Active",
  created_at: "2026-01-01T00:00:00.000Z",
  verification: { status: "unverified", bytes_done: 0, bytes_total: 5 },
  fetch: { status: "present", bytes_done: 5, bytes_total: 5 },
};

/** The stream of a task. */
function stream(...events: readonly (readonly [string, object])[]): () => Response {
  const text = events.map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join("");
  return () => new Response(text, { headers: { "content-type": "text/event-stream" } });
}

function answering(...events: readonly (readonly [string, object])[]): FakeDaemon {
  return fake({
    "POST /v2/tasks": () => Response.json({ task_id: ID, queue_position: 3, predicted_start_ms: 4200 }, { status: 202 }),
    [`GET /v2/tasks/${ID}/events`]: stream(...events),
  });
}

describe("models", () => {
  test("are a table; nothing in it drives a terminal", async () => {
    const wrong = { ...MODEL, id: "b", fetch: { ...MODEL.fetch, status: "failed", error: "\u001b[2Jgone" }, size_bytes: 2048 };
    const { code, out } = await fake({ "GET /v2/catalog/models": () => Response.json({ models: [MODEL, wrong] }) }).run(["models"]);
    expect({ code, out }).toEqual({
      code: 0,
      out: "MODEL  STATE   FILE     SIZE  VERIFIED    MESSAGE\norg/m  Active  present  -     unverified\nb      Active  failed   2Ki   unverified  gone\n",
    });
  });

  test("add sends what was written, and a / in an id is one of the id", async () => {
    const daemon = fake({
      "POST /v2/catalog/models": () => Response.json(MODEL, { status: 201 }),
      "POST /v2/catalog/models/org%2Fm/state": () => Response.json({ ...MODEL, state: "Retired" }),
    });
    expect((await daemon.run(["models", "add", "org/m", "m.gguf", "--tags", "a,b"])).code).toBe(0);
    expect(daemon.asked.at(-1)?.body).toEqual({ id: "org/m", source_url: "m.gguf", tags: ["a", "b"] });
    expect(await daemon.run(["models", "retire", "org/m"])).toMatchObject({ code: 0, err: "model org/m is Retired\n" });
  });

  test("verify waits for the end and exits 1 for a wrong file", async () => {
    const path = "/v2/catalog/models/org%2Fm";
    const verification = { status: "mismatch", bytes_done: 5, bytes_total: 5, detail: "the file is another" };
    const daemon = fake({
      [`POST ${path}/verify`]: () => Response.json({ ...MODEL, verification: { ...verification, status: "verifying" } }, { status: 202 }),
      [`GET ${path}`]: () => Response.json({ ...MODEL, verification }),
    });
    const { code, err } = await daemon.run(["models", "verify", "org/m"]);
    expect([code, err]).toEqual([1, expect.stringContaining("the file is another")]);
    expect((await daemon.run(["models", "verify", "org/m", "-d"])).code).toBe(0);
  });

  test("what is not there exits 4, and a conflict 5", async () => {
    const daemon = fake({
      "DELETE /v2/catalog/models/x": () => problem(404, { code: "NOT_FOUND", detail: "no model x" }),
      "POST /v2/catalog/models": () => problem(409, { code: "CONFLICT", detail: "there is one" }),
    });
    expect(await daemon.run(["models", "remove", "x"])).toEqual({ code: 4, out: "", err: "orco: no model x\n" });
    expect((await daemon.run(["models", "add", "x", "y"])).code).toBe(5);
    expect((await daemon.run(["models", "add", "x"])).code).toBe(2);
  });
});

test("pools add makes a replica of each URL, and needs to know the engine", async () => {
  const daemon = fake({ "POST /v2/pools": () => Response.json({ id: "p", ready: true }, { status: 201 }) });
  const line = ["pools", "add", "p", "--engine", "vllm", "--url", "http://a:1,http://b:1", "--slots", "4", "--models", "m"];
  expect((await daemon.run(line)).code).toBe(0);
  const replicas = [{ id: "r0", url: "http://a:1", slots: 4 }, { id: "r1", url: "http://b:1", slots: 4 }]; // prettier-ignore
  expect(daemon.asked.at(-1)?.body).toEqual({ id: "p", engine: "vllm", models: ["m"], replicas });
  expect((await daemon.run(["pools", "add", "p"])).code).toBe(2);
  expect((await daemon.run([...line, "--slots", "x"])).code).toBe(2);
});

describe("chat", () => {
  const end = ["end", { tokens_out: 2, finish_reason: "stop" }] as const;

  test("prints the answer as it comes and says how long it waits", async () => {
    const daemon = answering(["started", { queue_position: 3, predicted_start_ms: 4200 }], ["token", { t: "one" }], ["token", { t: " two" }], end); // prettier-ignore
    const { code, out, err } = await daemon.run([
      "chat",
      "m",
      "count",
      "please",
      "--session",
      "s",
      "--max-tokens",
      "5",
      "--temperature",
      "0",
    ]);
    expect({ code, out, err }).toEqual({ code: 0, out: "one two\n", err: "3 before it, starts in about 4 s\n" });
    expect(daemon.asked.find(({ method }) => method === "POST")?.body).toEqual({
      model_ref: "m",
      workload: "chat",
      messages: [{ role: "user", content: "count please" }],
      session_id: "s",
      max_tokens: 5,
      temperature: 0,
    });
  });

  test("--json is the whole answer", async () => {
    const { out } = await answering(["token", { t: "one" }], end).run(["chat", "m", "count", "--json"]);
    expect(JSON.parse(out)).toEqual({ task_id: ID, model: "m", text: "one", tokens_out: 2, finish_reason: "stop" });
  });

  test("a task that fails, a stream that is cut, and no prompt exit other than 0", async () => {
    const died = await answering(["token", { t: "one" }], ["error", { code: "WORKER_RESET", message: "the engine died" }]).run([
      "chat",
      "m",
      "x",
    ]);
    expect([died.code, died.out, died.err.split("\n")[1]]).toEqual([1, "one\n", "orco: the task failed: the engine died"]);
    expect((await answering(["error", { code: "DECODE_TIMEOUT", message: "late" }]).run(["chat", "m", "x"])).code).toBe(124);
    const lost = await answering(["token", { t: "one" }]).run(["chat", "m", "x"]);
    expect([lost.code, lost.out]).toEqual([3, "one\n"]);
    expect(lost.err).toContain("the daemon was lost in the middle of the answer: what came is not the whole of it\n");
    expect((await answering(end).run(["chat", "m"])).code).toBe(2);
    expect((await answering(end).run(["chat", "m", "x", "--temperature", "hot"])).code).toBe(2);
  });
});

describe("tasks", () => {
  const task = { task_id: ID, state: "queued", model_ref: "m", pool_id: "p", priority: "batch", tokens_out: 0, accepted_at: "2026-01-01T00:00:00Z" }; // prettier-ignore

  test("are named by the end of their id", async () => {
    const daemon = fake({
      "GET /v2/tasks": () => Response.json({ tasks: [{ ...task, queue_position: 2, predicted_start_ms: 9000 }] }),
      [`GET /v2/tasks/${ID}`]: () => Response.json({ ...task, state: "canceled" }),
      [`POST /v2/tasks/${ID}/cancel`]: () => new Response(null, { status: 204 }),
    });
    expect((await daemon.run(["tasks"])).out).toContain("behind 2, starts in about 9 s");
    expect((await daemon.run(["tasks", "687a66", "--json"])).out).toBe(`${JSON.stringify({ ...task, state: "canceled" })}\n`);
    expect(await daemon.run(["tasks", "cancel", "687a66"])).toMatchObject({ code: 0, err: `task ${ID} is canceled\n` });
    expect((await daemon.run(["tasks", "cancel", "ffffff"])).code).toBe(4);
  });

  test("--watch tells what happens in sentences", async () => {
    const accepted = { topic: "inference", type: "task.accepted", ts: "2026-01-01T12:00:03.000Z", task: ID, pool: "p", queue_position: 3, predicted_start_ms: 4200 }; // prettier-ignore
    const text = `event: task.accepted\nid: 1-1\ndata: ${JSON.stringify(accepted)}\n\nevent: end\ndata: {}\n\n`;
    const daemon = fake({ "GET /events": () => new Response(text, { headers: { "content-type": "text/event-stream" } }) });
    const { code, out } = await daemon.run(["tasks", "--watch"]);
    expect({ code, out }).toEqual({ code: 0, out: "12:00:03 task 687a66 queued behind 3 on p, starts in about 4 s\n" });
    expect(daemon.asked.at(-1)?.query["topic"]).toBe("inference,pool/*");
  });
});

describe("a sentence", () => {
  test.each([
    [{ type: "task.completed", task: ID, pool: "p", tokens_out: 7, finish_reason: "stop" }, "task 687a66 completed on p: 7 tokens (stop)"],
    [
      { type: "task.failed", task: ID, pool: null, reason: "no\u001b[31m room", code: "POOL_UNAVAILABLE" },
      "task 687a66 failed: no room (POOL_UNAVAILABLE)",
    ],
    [{ type: "pool.reload_failed", pool: "p", why: "it serves another" }, "pool p goes on with what it had: it serves another"],
    [{ type: "pool.purged", pool: "p", ended: 3 }, "pool p was purged: 3 tasks that waited have ended"],
    [{ type: "node.offline", node_id: "gpu-1" }, "node gpu-1 is Offline: nothing was heard of it"],
    [{ type: "model.verified", model: "m", status: "mismatch", detail: "another" }, "model m is not what was registered: another"],
    [{ type: "model.fetched", model: "m", status: "failed", error: "no such file" }, "model m could not be fetched: no such file"],
    [{ type: "something.new", topic: "inference" }, "something.new"],
  ])("%j", (event, sentence) => {
    const told = { id: "1", topic: "inference", ts: "2026-01-01T12:00:03.000Z", ...event } as unknown as EventView;
    expect(narrated(told).replace(/^\S+ /, "")).toBe(sentence);
  });
});
