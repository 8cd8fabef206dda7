import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineRig } from "../../src/inference/mock/engine.fake.ts";
import { keptIn } from "../kept.ts";
import { until } from "../until.ts";
import { expectRefusal, type Fields, planeOf, type Problem } from "./inference-rig.ts";
import { ANSWER, DONE, FINISH, RawEngine, said, spoken, STREAM_HEAD } from "./raw-engine.ts";

/** What stands in single sentences of inference.md and api.md. */

const KEY = "0123456789abcdef";
const SECRET = "xyzzy-that-an-engine-said";
const models = mkdtempSync(join(tmpdir(), "orco-models-"));
const plane = planeOf({
  ORCO_API_KEY: KEY,
  ORCHD_PLACEMENT_POLICY: "round-robin",
  ORCHD_MODEL_ROOTS: `${models}/a,${models}/b`,
  ORCHD_ADMISSION_CAPACITY: "2",
});
plane.rig.headers["authorization"] = `Bearer ${KEY}`;
/** Holds prompts that begin with `hold`. */
let engines: RawEngine[];
const paced = new EngineRig({ models: ["paced"], slots: 1, tokensPerS: 20 });

beforeAll(async () => {
  for (const root of ["a", "b"]) mkdirSync(join(models, root), { recursive: true });
  engines = await Promise.all(
    ["x", "y"].map(() =>
      RawEngine.start((socket, { json }) => {
        if (JSON.stringify(json).includes("hold")) socket.write(STREAM_HEAD + ("messages" in json ? spoken("a") : said("a")));
        else socket.end(ANSWER);
      }),
    ),
  );
  await plane.pool(
    "p",
    engines.map(({ url }) => url),
    { slots: 1 },
  );
  await plane.pool("paced", paced.engine.url, { slots: 1, models: ["paced"] });
});
afterAll(() => {
  rmSync(models, { recursive: true, force: true });
  engines.forEach((engine) => engine[Symbol.dispose]());
  paced.engine.stop();
});
afterEach(async () => {
  engines.forEach(({ sockets, asked }) => {
    sockets.splice(0).forEach((socket) => socket.end(FINISH + DONE));
    asked.splice(0);
  });
  await plane.calm();
});

test("ORCHD_PLACEMENT_POLICY is the policy of pools that name none", async () => {
  const replicas: unknown[] = [];
  for (let n = 0; n < 4; n++) replicas.push((await plane.ended((await plane.task()).task_id)).replica_id);
  expect(["r0", "r1"].map((id) => replicas.filter((each) => each === id).length)).toEqual([2, 2]);
});

test("ORCHD_MODEL_ROOTS are the folders of models, the first for what is relative", async () => {
  writeFileSync(join(models, "a", "one.gguf"), "12345");
  writeFileSync(join(models, "b", "two.gguf"), "123");
  const register = (id: string, source: string) => plane.post("/v2/catalog/models", { id, source_url: source, tags: [] });
  expect((await register("one", "one.gguf")).body).toMatchObject({ size_bytes: 5, path: join(models, "a", "one.gguf") });
  expect((await register("two", `file:${join(models, "b", "two.gguf")}`)).body).toMatchObject({ size_bytes: 3 });
  expect((await register("three", `file:${plane.rig.home}/models/x.gguf`)).status).toBe(400);
});

test("of two tasks of one id that come at once one is taken", async () => {
  for (let n = 0; n < 10; n++) {
    const id = crypto.randomUUID();
    const replies = await Promise.all(Array.from({ length: 4 }, () => plane.ask({ task_id: id, prompt: "hold" })));
    expect(replies.filter(({ status }) => status === 202)).toHaveLength(1);
    for (const reply of replies.filter(({ status }) => status !== 202)) expectRefusal(reply, { status: 409, code: "CONFLICT" });
    await plane.cancel(id);
  }
});

test("the time that a refused task is told to wait is what tasks take", async () => {
  const task = { model_ref: "paced", max_tokens: 10 };
  for (let n = 0; n < 4; n++) await plane.ended((await plane.task(task)).task_id);
  const ids = (await Promise.all([plane.task(task), plane.task(task), plane.task(task)])).map(({ task_id: id }) => id);
  const refused = await plane.ask(task);
  expectRefusal(refused, { status: 429, code: "ADMISSION_REJECT" });
  const { retry_after_ms: ms = 0 } = refused.body;
  // Each takes about 500 ms, on a busy machine several times that; who knows nothing says more.
  expect(ms).toBeGreaterThan(20);
  expect(ms).toBeLessThan(3000);
  expect(refused.headers.get("retry-after")).toBe(String(Math.ceil(ms / 1000)));
  for (const { started_at: started, accepted_at: accepted } of await Promise.all(ids.map((id) => plane.ended(id))))
    expect(Date.parse(started ?? "") - Date.parse(accepted)).toBeLessThan(10_000);
});

test("a ticket opens the stream of one task, and no other", async () => {
  const [one, other] = [await plane.task(), await plane.task()];
  const { body } = await plane.post<{ ticket: string }>("/tickets", { path: one.streams.sse });
  const bare = (path: string): Promise<Response> => fetch(`${plane.url}${path}?ticket=${body.ticket}`);
  const opened = await bare(one.streams.sse);
  expect([opened.status, (await opened.text()).includes("event: end")]).toEqual([200, true]);
  for (const path of [other.streams.sse, `/v2/tasks/${one.task_id}`]) expect((await bare(path)).status).toBeOneOf([401, 403]);
});

test("a task of the OpenAI surface can be seen and canceled; its stream belongs to its request", async () => {
  const response = await fetch(`${plane.url}/v1/chat/completions`, {
    method: "POST",
    headers: { ...plane.rig.headers, "content-type": "application/json" },
    body: JSON.stringify({ model: "chain", messages: [{ role: "user", content: "hold" }], stream: true }),
  });
  const id = response.headers.get("x-task-id") ?? "";
  expect((await plane.get(`/v2/tasks/${id}`)).body).toMatchObject({ task_id: id, state: "running", api: "openai" });
  expectRefusal(await plane.call<Problem>("GET", `/v2/tasks/${id}/events`), { status: 409, code: "CONFLICT" });
  expect((await plane.cancel(id)).status).toBe(204);
  expect(
    await response.text().then(
      (text) => text,
      () => "cut",
    ),
  ).not.toContain("[DONE]");
  expect((await plane.ended(id)).state).toBe("canceled");
});

test("what engines say is nowhere on disk", async () => {
  using engine = await RawEngine.start((socket) => void socket.end(STREAM_HEAD + said(SECRET).repeat(50) + FINISH + DONE), ["secret"]);
  await plane.pool("secret", engine.url, { models: ["secret"] });
  const tape = await plane.whole({ model_ref: "secret", cancel_on_disconnect: false });
  expect(tape.said).toContain(SECRET);
  await plane.v1("/completions", { model: "secret", prompt: "go" });
  await plane.call("DELETE", "/v2/pools/secret");
  const files = keptIn(plane.rig.home);
  expect(files.flatMap(({ path, text }) => (text.includes(SECRET) ? [path] : []))).toEqual([]);
  expect(files.some(({ path }) => path.endsWith("orco.db"))).toBe(true);
});

test("ways to a task that are no ways are told", async () => {
  for (const [method, path, status] of [
    ["PUT", "/v2/tasks", 405],
    ["DELETE", "/v2/tasks/x", 405],
    ["GET", `/v2/tasks/${"x".repeat(5000)}`, 400],
    ["GET", "/v2/tasks/x/events?verbose=perhaps", 400],
    ["GET", "/v2/nowhere", 404],
  ] as const) {
    const response = await fetch(plane.url + path, { method, headers: plane.rig.headers });
    expect([path.slice(0, 40), response.status]).toEqual([path.slice(0, 40), status]);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    if (status === 405) expect(response.headers.get("allow")).toMatch(/GET|POST/);
  }
  const { task_id: id } = await plane.task();
  await plane.ended(id);
  const wrong = await fetch(`${plane.url}/v2/tasks/${id}/events`, { headers: { ...plane.rig.headers, "last-event-id": "what" } });
  expect(wrong.status).toBe(400);
  const head = await fetch(`${plane.url}/v2/tasks/${id}/events`, { method: "HEAD", headers: plane.rig.headers });
  expect(head.status).toBe(200);
});

test("tasks that ran are told to who watches the journal", async () => {
  const { task_id: id } = await plane.task();
  await plane.ended(id);
  const types = await until("them", async () => {
    const { body } = await plane.get<{ events: Fields[] }>("/events?topic=inference&limit=50");
    const of = body.events.filter(({ task }) => task === id).map(({ type }) => type);
    return of.length >= 2 ? of : undefined;
  });
  expect(new Set(types)).toEqual(new Set(["task.accepted", "task.completed"]));
});
