import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { until } from "../until.ts";
import { hasLlama, LlamaServer } from "./llama-server.ts";

const SENTENCE =
  " the quick brown fox jumps over a lazy dog while seven wizards quietly box up many extra jugs of liquid for their next trip .";
const FREED_WITHIN_MS = 1000;

/** What orco relies on in llama.cpp: where one of these fails, its adapter has to learn something. */
describe.if(hasLlama())("llama.cpp's own server", () => {
  let llama: LlamaServer;
  beforeAll(async () => void (llama = await LlamaServer.start({ ctx: 1024 })));
  afterAll(() => llama[Symbol.asyncDispose]());

  const json = async (path: string, body?: object): Promise<Record<string, unknown>> => {
    const answer = await (body === undefined ? fetch(llama.url + path, { keepalive: false }) : llama.post(path, body));
    return (await answer.json()) as Record<string, unknown>;
  };

  test("while it loads it is refused, then 503, then 200, and never back", async () => {
    await using loading = await LlamaServer.spawn();
    const seen: (number | "refused")[] = [];
    await until(
      "it is ready",
      async () => {
        const status = await fetch(`${loading.url}/health`, { keepalive: false })
          .then((answer) => answer.status)
          .catch(() => "refused" as const);
        if (seen.at(-1) !== status) seen.push(status);
        return status === 200;
      },
      30_000,
    );
    expect([
      ["refused", 200],
      ["refused", 503, 200],
    ]).toContainEqual(seen);
  });

  test("says its slots, its context and its model", async () => {
    const props = await json("/props");
    expect(props).toMatchObject({ total_slots: 2, model_alias: "chain", default_generation_settings: { n_ctx: 512 } });
    expect((await json("/v1/models"))["data"]).toMatchObject([{ id: "chain" }]);
    expect((await llama.slots()).map(({ id }) => id)).toEqual([0, 1]);
  });

  test("at temperature 0 walks its sentence", async () => {
    expect(await json("/completion", { prompt: "hello", temperature: 0 })).toMatchObject({ content: SENTENCE, stop_type: "eos" });
    expect(await json("/completion", { prompt: "hello", temperature: 0, n_predict: 3 })).toMatchObject({
      content: " the quick brown",
      stop_type: "limit",
    });
  });

  test("four tokens may be one character", async () => {
    const text = await (await llama.post("/completion", { prompt: "an emoji", temperature: 0, stream: true })).text();
    expect(text).toContain('"content":"🙂"');
    expect(text).not.toContain("�");
  });

  test("a chat streams a role without content first and ends with [DONE]", async () => {
    const messages = [{ role: "user", content: "hi" }];
    const events = (await (await llama.post("/v1/chat/completions", { messages, temperature: 0, stream: true })).text()).split("\n\n");
    expect(events[0]).toContain('"delta":{"role":"assistant","content":null}');
    expect(events.filter((event) => event !== "").at(-1)).toBe("data: [DONE]");
  });

  test("a prompt that is too long is refused with what would fit", async () => {
    const answer = await llama.post("/completion", { prompt: "fox ".repeat(600), stream: true });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { type: "exceed_context_size_error", code: 400, n_ctx: 512 } });
  });

  test("an unknown model is served all the same", async () => {
    expect((await llama.post("/v1/chat/completions", { model: "gpt", messages: [{ role: "user", content: "x" }] })).status).toBe(200);
  });

  test("an endless stream that is cut frees its slot", async () => {
    // It takes a second to run into the end of this.
    await using roomy = await LlamaServer.start({ ctx: 16_384 });
    const times: number[] = [];
    for (let round = 0; round < 5; round++) times.push(await cutAnswer(roomy));
    console.log(`a cut stream frees its slot of llama.cpp after ${times.map((ms) => ms.toFixed(0)).join(", ")} ms`);
    // The quickest: the model computes on the same processors as everything else here.
    expect(Math.min(...times)).toBeLessThan(FREED_WITHIN_MS);
  });

  test("killed in mid-stream it ends without an end", async () => {
    await using mortal = await LlamaServer.start();
    const answer = await mortal.post("/completion", { prompt: "loop", temperature: 0, stream: true, n_predict: -1 });
    const reader = answer.body?.getReader();
    await reader?.read();
    await mortal.kill();
    const end = await (async () => {
      for (;;) if ((await reader?.read())?.done !== false) return "a clean end";
    })().catch((error: unknown) => error);
    expect(end).toBeInstanceOf(Error);
  });

  test("without the right key nothing but its health", async () => {
    await using locked = await LlamaServer.start({ key: "sk-right" });
    const statuses = await Promise.all(
      [undefined, "sk-wrong", "sk-right"].map(
        async (key) => (await locked.post("/v1/completions", { prompt: "x" }, { ...(key !== undefined && { key }) })).status,
      ),
    );
    expect(statuses).toEqual([401, 401, 200]);
    expect((await fetch(`${locked.url}/health`, { keepalive: false })).status).toBe(200);
  });
});

/** Milliseconds from cutting an endless stream to a free slot. */
async function cutAnswer(llama: LlamaServer): Promise<number> {
  const gone = new AbortController();
  const answer = await llama.post("/completion", { prompt: "loop", temperature: 0, stream: true, n_predict: -1 }, { signal: gone.signal });
  await answer.body?.getReader().read();
  expect(await llama.busySlots()).toBe(1);
  const cutAt = performance.now();
  gone.abort();
  await until("the slot is free", async () => (await llama.busySlots()) === 0, FREED_WITHIN_MS * 10);
  return performance.now() - cutAt;
}
