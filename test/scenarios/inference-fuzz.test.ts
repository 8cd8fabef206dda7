import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { EngineRig } from "../../src/inference/mock/engine.fake.ts";
import { type Fields, nodeWith, planeOf } from "./inference-rig.ts";

/** Whatever somebody sends: an answer that says what is wrong, in time, and never a 500. */

const RUNS = 150;
const ANSWER_MS = 8000;
const plane = planeOf({ ORCHD_ADMISSION_CAPACITY: "1000" });
const engine = new EngineRig({ slots: 8 });
beforeAll(() => plane.pool("p", engine.engine.url, { slots: 8, engine: "openai" }));
afterAll(() => engine.engine.stop());

const messages = [{ role: "user", content: "hi" }];
const TASK = {
  task_id: "11111111-2222-4333-8444-555555555555",
  session_id: "s",
  workload: "completion",
  model_ref: "chain",
  engine: "openai",
  prompt: "go",
  ctx: 10,
  priority: "batch",
  max_tokens: 2,
  deadline_ms: 5000,
  seed: 1,
  temperature: 0.5,
  stop: ["x"],
  determinism: "strict",
  expected_tokens: 1,
  kv_hint: "cold",
  placement: { mode: "prefer", prefer_pools: ["p"], avoid_pools: ["q"], allow_fallback: true },
  cancel_on_disconnect: false,
};
const POOL = {
  engine: "mock",
  models: ["m"],
  policy: "prefix",
  replicas: [{ id: "r", url: "http://127.0.0.1:1", slots: 1, vram_total_bytes: 5 }],
};
const ENTRY = {
  pool_id: "np",
  ready: true,
  draining: false,
  slots_free: 1,
  slots_total: 1,
  vram_free_bytes: 1,
  engine: "mock",
  models_available: ["m"],
} as const;
const CALLS: readonly (readonly [method: string, path: string, body: Fields])[] = [
  ["POST", "/v2/tasks", TASK],
  ["POST", "/v2/placement/explain", TASK],
  ["POST", "/v2/tasks", { model_ref: "chain", workload: "rerank", inputs: { query: "q", documents: ["a"] } }],
  ["POST", "/v2/tasks", { model_ref: "chain", messages, max_tokens: 2 }],
  [
    "POST",
    "/v1/chat/completions",
    { model: "chain", messages, max_tokens: 2, stream: false, stream_options: { include_usage: true }, user: "u", n: 1, seed: 2 },
  ],
  ["POST", "/v1/completions", { model: "chain", prompt: "go", max_tokens: 2, stream: true, stop: ["x"], temperature: 1 }],
  ["POST", "/v1/embeddings", { model: "chain", input: ["a"], encoding_format: "base64" }],
  ["PUT", "/v2/pools/fuzz", POOL],
  ["POST", "/v2/pools/p/reload", { new_model_ref: "chain" }],
  ["PUT", "/v2/sessions/fuzz", { ttl_ms: 5, max_turns: 1, tokens_budget: 2, time_budget_ms: 3, cost_budget: 1.5 }],
  [
    "POST",
    "/v2/catalog/models",
    { id: "fuzz/m", digest: `sha256:${"a".repeat(64)}`, source_url: "x.gguf", tags: ["t"], state: "Active", size_bytes: 3 },
  ],
  ["POST", "/v2/nodes/register", nodeWith("fuzz", [ENTRY])],
  ["POST", "/v2/nodes/fuzz/heartbeat", { timestamp: 1, pools: [ENTRY] }],
];

const nasty = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    2 ** 53,
    "",
    " ",
    "\0",
    "\ud800",
    "x".repeat(5000),
    [],
    {},
    [[]],
    { "": 1 },
    [null],
    "NaN",
    "../..",
    "__proto__",
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

/** The places in a body, each as the keys that lead there. */
function places(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([key, each]) => places(each, [...at, key]))];
}

/** A copy with another value at that place. */
function changed(value: unknown, [key, ...rest]: readonly string[], to: unknown): unknown {
  if (key === undefined) return to;
  const copy = structuredClone(value) as Fields;
  copy[key] = changed(copy[key], rest, to);
  return copy;
}

async function answerTo(method: string, path: string, body: string | Uint8Array<ArrayBuffer>): Promise<{ status: number; text: string }> {
  const init = { method, body, headers: { "content-type": "application/json" }, signal: AbortSignal.timeout(ANSWER_MS) };
  const response = await fetch(plane.url + path, init);
  const text = await response.text().catch((error: unknown) => `broken: ${String(error)}`);
  return { status: response.status, text };
}

test.each(CALLS)(
  "%s %s",
  async (method, path, whole) => {
    expect((await answerTo(method, path, JSON.stringify(whole))).status).toBeLessThan(500);
    const one = fc.record({ place: fc.constantFrom(...places(whole)), to: nasty });
    await fc.assert(
      fc.asyncProperty(one, async ({ place, to }) => {
        const { status, text } = await answerTo(method, path, JSON.stringify(changed(whole, place, to)));
        // A task whose pool is not there, or not ready, is a 503 and as good as any; a stream that broke says why.
        expect(status === 503 || status < 500, `${status} ${text}`).toBe(true);
        expect(text).not.toContain('"INTERNAL"');
        if (status >= 400 && path.startsWith("/v1/")) expect(Object.keys(JSON.parse(text) as Fields)).toEqual(["error"]);
        if (status >= 400 && path.startsWith("/v2/")) expect(JSON.parse(text)).toMatchObject({ status, code: expect.any(String) });
      }),
      { numRuns: RUNS },
    );
  },
  60_000,
);

test.each<readonly [string, string | Uint8Array<ArrayBuffer>]>([
  ["nothing", ""],
  ["half of it", '{"model":"chain","model_ref":'],
  ["another kind", '"chain"'],
  ["a list", "[]"],
  ["null", "null"],
  ["too deep", `${'{"a":'.repeat(100)}1${"}".repeat(100)}`],
  ["far too deep", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
  ["a prototype", '{"__proto__":{"model_ref":"chain"},"prompt":"x"}'],
  ["what is no UTF-8", Uint8Array.of(0x7b, 0xff, 0x7d)],
])("%s is refused by all of them", async (_what, text) => {
  for (const [method, path] of CALLS) {
    const { status } = await answerTo(method, path, text);
    expect([path, Math.floor(status / 100)]).toEqual([path, 4]);
  }
});

test.each([
  ["id", '{"id":"\\ud800","source_url":"x.gguf"}'],
  ["source", '{"id":"x","source_url":"hf:a/b/\\ud800"}'],
])("half a character is no %s of a model", async (_what, body) => {
  const refused = await answerTo("POST", "/v2/catalog/models", body);
  expect([refused.status, JSON.parse(refused.text)]).toEqual([400, expect.objectContaining({ code: "INVALID_PARAMS" })]);
});

test("after all this nothing has gone wrong inside, and tasks still run", async () => {
  await plane.pool("p", engine.engine.url, { slots: 8, engine: "openai" });
  expect(await plane.ended((await plane.task({ placement: { mode: "pin", pin_pool_id: "p" } })).task_id)).toMatchObject({
    state: "completed",
  });
  expect((await plane.get("/ready")).status).toBe(200);
});
