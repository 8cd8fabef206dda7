import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Accepted } from "../../src/inference/tasks/task.ts";
import { until } from "../until.ts";
import { expectRefusal, type Fields, planeOf, type Problem, type Told } from "./inference-rig.ts";
import { ANSWER, RawEngine, whole } from "./raw-engine.ts";

/** What a task may bring, and what is made of it: sizes, limits, seeds, replicas (inference.md, "Queue", "Task", "Placement"). */

const MIB = 2 ** 20;
const plane = planeOf({
  ORCHD_ADMISSION_POLICY: "drop-lru",
  ORCHD_ADMISSION_CAPACITY: "2",
  RATE_LIMIT_MAX: "2",
  RATE_LIMIT_WINDOW_MS: "600000",
});
const EMBEDDING = whole(
  200,
  JSON.stringify({ object: "list", data: [{ object: "embedding", index: 0, embedding: [0.5, 1] }], usage: { prompt_tokens: 2 } }),
);
const RANKED = whole(200, JSON.stringify({ results: [{ index: 1, relevance_score: 0.9 }] }));
/** Holds prompts that begin with `hold`. */
let engines: RawEngine[];

beforeAll(async () => {
  engines = await Promise.all(
    ["a", "b"].map(() =>
      RawEngine.start((socket, { path, json }) => {
        if (path.endsWith("/embeddings")) socket.end(EMBEDDING);
        else if (path.endsWith("/rerank")) socket.end(RANKED);
        else if (!String(json["prompt"]).startsWith("hold")) socket.end(ANSWER);
      }),
    ),
  );
  // Beside this one, the limit allows to read the document that answers are held against.
  const replicas = engines.map(({ url }, n) => ({ id: `r${n}`, url, slots: 1 }));
  const made = await plane.post("/v2/pools", { id: "p", engine: "openai", policy: "round-robin", models: ["chain"], replicas });
  expect(made.status).toBe(201);
});
afterAll(() => engines.forEach((engine) => engine[Symbol.dispose]()));
beforeEach(() => engines.forEach(({ asked, sockets }) => void (asked.splice(0), sockets.splice(0))));

const sent = (): Fields[] => engines.flatMap(({ asked }) => asked.map(({ json }) => json));
const letGo = (): void => engines.forEach(({ sockets }) => sockets.forEach((socket) => socket.end(ANSWER)));

/** The engine's request for a task. */
async function upstream(task: Fields): Promise<Fields> {
  const before = sent().length;
  expect(await plane.ended((await plane.task(task)).task_id)).toMatchObject({ state: "completed" });
  expect(sent().length).toBe(before + 1);
  return sent().find(({ prompt }) => prompt === task["prompt"]) ?? {};
}

test("tasks and the OpenAI surface are not rate limited, all else is", async () => {
  expect((await plane.get("/v2/pools")).status).toBe(429);
  for (let n = 0; n < 20; n++) {
    const { task_id: id } = await plane.task();
    expect((await plane.get(`/v2/tasks/${id}`)).status).toBe(200);
    expect((await plane.v1("/completions", { model: "chain", prompt: "go" })).status).toBe(200);
    expect((await plane.v1("/models")).status).toBe(200);
  }
});

test("bodies of 20 MiB are tasks, above 32 MiB they are refused, in the shape of their surface", async () => {
  const long = `${"word ".repeat(4 * MIB)}.`;
  expect(String((await upstream({ prompt: long }))["prompt"]).length).toBe(long.length);
  const { status } = await plane.v1("/completions", { model: "chain", prompt: long });
  expect(status).toBe(200);
  const huge = "x".repeat(33 * MIB);
  expectTooLarge(await plane.ask({ prompt: huge }));
  const refused = await plane.v1<{ error: Fields }>("/completions", { model: "chain", prompt: huge });
  expect(refused.status).toBe(413);
  expect(refused.body.error).toMatchObject({ type: "invalid_request_error", param: null });
});

function expectTooLarge({ status, body }: Told<Problem>): void {
  expect([status, body.status]).toEqual([413, 413]);
}

test("the seed that nobody gave is a fixed function of the task's id", async () => {
  const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
  const seeds: unknown[] = [];
  for (const [n, id] of [one, two, one].entries()) seeds.push((await upstream({ task_id: id, prompt: `n${n}` }))["seed"]);
  expect(seeds[0]).toBe(seeds[2]);
  expect(seeds[0]).not.toBe(seeds[1]);
  for (const seed of seeds as number[]) expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31).toBe(true);
  expect((await upstream({ prompt: "own", seed: 7 }))["seed"]).toBe(7);
});

test("what a task says goes to the engine", async () => {
  const body = await upstream({ prompt: "all", max_tokens: 5, temperature: 0.3, stop: ["x", "y"] });
  expect(body).toMatchObject({ model: "chain", prompt: "all", max_tokens: 5, temperature: 0.3, stop: ["x", "y"], stream: true });
  const messages = [{ role: "user", content: "hi" }];
  await plane.ended((await plane.task({ workload: "chat", messages })).task_id);
  expect(sent().at(-1) ?? {}).toMatchObject({ model: "chain", messages, stream: true });
});

test("strict tasks go to one replica, where others go round", async () => {
  const used = async (more: Fields): Promise<unknown[]> => {
    const replicas = [];
    for (let n = 0; n < 4; n++) replicas.push((await plane.ended((await plane.task(more)).task_id)).replica_id);
    return replicas;
  };
  expect(new Set(await used({ determinism: "strict" })).size).toBe(1);
  expect((await used({})).map(String).toSorted()).toEqual(["r0", "r0", "r1", "r1"]);
});

test("a vector is one result between started and end", async () => {
  for (const [task, data] of [
    [{ workload: "embedding", inputs: ["a", "b"] }, [[0.5, 1]]],
    [{ workload: "rerank", inputs: { query: "q", documents: ["a", "b"] } }, [{ index: 1, score: 0.9 }]],
  ] as const) {
    const tape = await plane.whole(task);
    expect(tape.events.filter((event) => event !== "metrics")).toEqual(["started", "result", "end"]);
    expect(JSON.stringify(tape.of("result")[0]?.data)).toContain(JSON.stringify(data[0]));
    expect(tape.numbers).toEqual([1, 2, 3]);
  }
});

test("full, the oldest batch task goes for a newcomer, else the oldest of all, and is told", async () => {
  const held = [await plane.task({ prompt: "hold 1" }), await plane.task({ prompt: "hold 2" })];
  await until("both to be busy", () => sent().length === 2);
  const interactive = await plane.task({ prompt: "i" });
  const batch = await plane.task({ prompt: "b", priority: "batch" });
  const tapes = [await plane.events(batch.task_id), await plane.events(interactive.task_id)];
  const newcomers: Accepted[] = [];
  for (const [n, tape] of tapes.entries()) {
    const reply = await plane.ask<Accepted>({ prompt: `new ${n}` });
    expect([reply.status, reply.body.backoff_ms]).toEqual([202, 0]);
    newcomers.push(reply.body);
    await tape.over;
    expect(tape.frames).toMatchObject([{ event: "error", data: { code: "QUEUE_FULL_DROP_LRU", retriable: true } }]);
  }
  expect(await plane.ended(batch.task_id)).toMatchObject({ state: "failed", error: { code: "QUEUE_FULL_DROP_LRU" } });
  letGo();
  for (const { task_id: id } of [...held, ...newcomers]) expect((await plane.ended(id)).state).toBe("completed");
});

test("a POST without a body needs no type; one of another type is refused", async () => {
  const { task_id: id } = await plane.task();
  const bare = await fetch(`${plane.url}/v2/tasks/${id}/cancel`, { method: "POST" });
  expect(bare.status).toBe(204);
  const empty = await plane.call<Problem>("POST", "/v2/tasks", {});
  expectRefusal(empty, { status: 400, code: "INVALID_PARAMS" });
  const headers = { "content-type": "text/plain" };
  expect((await plane.call("POST", "/v2/tasks", { raw: "{}", headers })).status).toBe(415);
});

test("an Idempotency-Key makes one task of a request that is sent twice", async () => {
  const headers = { "idempotency-key": "once" };
  const [one, again] = [await plane.ask<Accepted>({ prompt: "k" }, headers), await plane.ask<Accepted>({ prompt: "k" }, headers)];
  expect(again.body.task_id).toBe(one.body.task_id);
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  expect((await plane.ask({ prompt: "other" }, headers)).status).toBe(422);
});
