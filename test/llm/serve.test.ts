import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { InferenceCalls } from "../scenarios/inference-calls.ts";
import { sharedRig } from "../scenarios/rig.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { hasLlama, LlamaServer } from "./llama-server.ts";

const SENTENCE =
  " the quick brown fox jumps over a lazy dog while seven wizards quietly box up many extra jugs of liquid for their next trip .";
const FREED_WITHIN_MS = 1000;
const LOOP = { model_ref: "chain", prompt: "loop", temperature: 0 };

describe.if(hasLlama())("a control plane with a real llama.cpp", () => {
  const rig = sharedRig();
  const api = new InferenceCalls(rig);
  let llama: LlamaServer;
  let url: string;
  let openai: OpenAI;

  beforeAll(async () => {
    const port = freePort();
    url = `http://127.0.0.1:${port}`;
    rig.start(["serve", "--bind", `127.0.0.1:${port}`]);
    llama = await LlamaServer.start({ ctx: 16_384 });
    await until("the daemon to answer", () => fetch(`${url}/v2/pools`).catch(() => undefined), 10_000);
    await api.call("POST", "/v2/pools", { id: "real", engine: "llamacpp", replicas: [{ id: "one", url: llama.url }] });
    await api.poolThat("real", ({ ready, slots_free: free }) => ready && free === 2);
    openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
  });
  afterAll(() => llama[Symbol.asyncDispose]());

  test("the engine says which model it has, and how many slots", async () => {
    expect((await api.pool("real")).body).toMatchObject({ engine: "llamacpp", models: ["chain"], slots_total: 2 });
    expect((await openai.models.list()).data.map(({ id }) => id)).toEqual(["chain"]);
  });

  test("a task says the sentence, token by token, in whole characters", async () => {
    const said = events(await streamOf(await api.task({ ...LOOP, prompt: "hello" })));
    expect(said.map(({ name }) => name).filter((name) => name !== "metrics")).toEqual([
      "started",
      ...Array.from({ length: 25 }, () => "token"),
      "end",
    ]);
    expect(textOf(said)).toBe(SENTENCE);
    expect(textOf(events(await streamOf(await api.task({ ...LOOP, prompt: "an emoji" }))))).toBe("🙂 .");
  });

  test("the official SDK, stream and not", async () => {
    const ask = { model: "chain", temperature: 0, messages: [{ role: "user" as const, content: "hello" }] };
    const whole = await openai.chat.completions.create(ask);
    expect(whole.choices[0]).toMatchObject({ message: { role: "assistant", content: SENTENCE }, finish_reason: "stop" });
    expect(whole.usage?.completion_tokens).toBeGreaterThanOrEqual(25);
    let text = "";
    for await (const chunk of await openai.chat.completions.create({ ...ask, stream: true })) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toBe(SENTENCE);
    const unknown = await openai.chat.completions.create({ ...ask, model: "gpt" }).catch((error: unknown) => error);
    expect(unknown).toMatchObject({ status: 404 });
  });

  test("a prompt that is too long is the client's fault", async () => {
    const refused = await openai.completions.create({ model: "chain", prompt: "fox ".repeat(9000) }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ status: 400 });
    expect(await ended({ ...LOOP, prompt: "fox ".repeat(9000) })).toMatchObject({
      state: "failed",
      error: { code: "INVALID_PARAMS", retriable: false },
    });
  });

  test("ten tasks at once: llama.cpp never has more than its two slots, and queues none itself", async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => api.task({ ...LOOP, max_tokens: 300 })));
    const seen = { busy: 0, deferred: 0, looks: 0 };
    const watching = new AbortController();
    const watch = (async () => {
      for (; !watching.signal.aborted; seen.looks++) {
        seen.busy = Math.max(seen.busy, await llama.busySlots());
        seen.deferred = Math.max(seen.deferred, await llama.deferred());
      }
    })();
    const tasks = await Promise.all(ids.map((id) => api.ended(id, 60_000)));
    watching.abort();
    await watch;
    expect(tasks.map(({ state, tokens_out: tokens }) => `${state} ${tokens}`)).toEqual(tasks.map(() => "completed 300"));
    expect(seen).toMatchObject({ busy: 2, deferred: 0 });
    expect(seen.looks).toBeGreaterThan(5);
  });

  test("cancel answers 204 and frees the slot", async () => {
    const times: string[] = [];
    const allFreedMs: number[] = [];
    for (let round = 0; round < 3; round++) {
      const id = await api.task(LOOP);
      await until("it is at work", async () => (await llama.busySlots()) === 1);
      const askedAt = performance.now();
      expect((await api.call("POST", `/v2/tasks/${id}/cancel`)).status).toBe(204);
      const answeredMs = performance.now() - askedAt;
      await until("the slot is free", async () => (await llama.busySlots()) === 0, FREED_WITHIN_MS * 10);
      const freedMs = performance.now() - askedAt;
      times.push(`204 after ${answeredMs.toFixed(1)} ms, free after ${freedMs.toFixed(1)} ms`);
      allFreedMs.push(freedMs);
      expect(events(await streamOf(id)).at(-1)).toMatchObject({ name: "error", data: { code: "CANCELED" } });
    }
    // The quickest: the model computes on the same processors as everything else here.
    expect(Math.min(...allFreedMs)).toBeLessThan(FREED_WITHIN_MS);
    console.log(`cancel of a task on llama.cpp: ${times.join("; ")}`);
  });

  test("a client that wants its answer whole frees the slot too when it goes, though llama.cpp itself would go on", async () => {
    const gone = new AbortController();
    const answer = openai.completions.create(
      { model: "chain", prompt: "loop", temperature: 0, max_tokens: 100_000 },
      { signal: gone.signal },
    );
    answer.catch(() => undefined);
    await until("it is at work", async () => (await llama.busySlots()) === 1);
    gone.abort();
    await until("the slot is free", async () => (await llama.busySlots()) === 0, FREED_WITHIN_MS * 10);
  });

  test("killed in mid-stream: WORKER_RESET on /v2, an error and a broken connection on /v1; back, it is used again", async () => {
    const port = freePort();
    await using mortal = await LlamaServer.start({ ctx: 16_384, port });
    await api.call("PUT", "/v2/pools/mortal", { engine: "llamacpp", replicas: [{ id: "m", url: mortal.url }] });
    await api.poolThat("mortal", ({ ready }) => ready);
    await api.call("DELETE", "/v2/pools/real");
    const id = await api.task(LOOP);
    const stream = streamOf(id);
    const began = Promise.withResolvers<void>();
    const raw = rawCompletion(began.resolve);
    await until("both are at work", async () => (await mortal.busySlots()) === 2);
    // Before its first token it would be an answer like any other.
    await began.promise;
    await mortal.kill();
    expect(events(await stream).at(-1)).toMatchObject({ name: "error", data: { code: "WORKER_RESET", retriable: true } });
    const { text, broken } = await raw;
    expect(broken).toBe(true);
    expect(text).toContain('"code":"WORKER_RESET"');
    expect(text).not.toContain("[DONE]");
    expect(await api.ended(id)).toMatchObject({ state: "failed", error: { code: "WORKER_RESET" } });

    await using again = await LlamaServer.start({ port });
    await api.poolThat("mortal", ({ ready }) => ready, 30_000);
    expect(again.url).toBe(mortal.url);
    expect(await ended({ ...LOOP, prompt: "hello" })).toMatchObject({ state: "completed", pool_id: "mortal" });
  });

  async function ended(task: Record<string, unknown>) {
    return api.ended(await api.task(task));
  }

  async function streamOf(id: string): Promise<string> {
    return (await fetch(`${url}/v2/tasks/${id}/events`)).text();
  }

  /** Read as far as it comes. */
  async function rawCompletion(onPiece: () => void): Promise<{ text: string; broken: boolean }> {
    const body = JSON.stringify({ model: "chain", prompt: "loop", temperature: 0, stream: true, max_tokens: 100_000 });
    const answer = await fetch(`${url}/v1/completions`, { method: "POST", headers: { "content-type": "application/json" }, body });
    const decoder = new TextDecoder();
    let text = "";
    try {
      for await (const piece of answer.body ?? []) {
        text += decoder.decode(piece as Uint8Array, { stream: true });
        onPiece();
      }
    } catch {
      return { text, broken: true };
    }
    return { text, broken: false };
  }
});

interface Seen {
  readonly name: string;
  readonly data: Record<string, unknown>;
}

function events(text: string): Seen[] {
  return [...text.matchAll(/^event: (.*)\n(?:id: .*\n)?data: (.*)$/gm)].map(([, name = "", data = "{}"]) => ({
    name,
    data: JSON.parse(data) as Record<string, unknown>,
  }));
}

function textOf(seen: readonly Seen[]): string {
  return seen
    .filter(({ name }) => name === "token")
    .map(({ data }) => String(data["t"]))
    .join("");
}
