import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { AdapterRig, chat, completion, passed, Told } from "../../src/inference/adapters/contract.fake.ts";
import type { EngineStream } from "../../src/inference/adapters/adapter.ts";
import type { TaskRequest } from "../../src/inference/request.ts";
import { until } from "../until.ts";
import { hasLlama, LlamaServer } from "./llama-server.ts";

const SENTENCE =
  " the quick brown fox jumps over a lazy dog while seven wizards quietly box up many extra jugs of liquid for their next trip .";
const FREED_WITHIN_MS = 1000;
const ROUNDS = 200;
const never = new AbortController().signal;

describe.if(hasLlama())("the adapter of llama.cpp, against the real server", () => {
  let llama: LlamaServer;
  let rig: AdapterRig;
  beforeAll(async () => {
    llama = await LlamaServer.start({ ctx: 16_384 });
    rig = new AdapterRig("llamacpp");
  });
  afterAll(async () => {
    rig[Symbol.dispose]();
    await llama[Symbol.asyncDispose]();
  });
  const ask = (request: TaskRequest) => rig.ask(llama.url, request);

  test("health: not live, then perhaps live and not ready, then ready with free slots; dead again when it is killed", async () => {
    await using loading = await LlamaServer.spawn();
    const seen: string[] = [];
    const look = async (): Promise<string> => {
      const { live, ready } = await rig.adapter.health({ url: loading.url }, never);
      const state = `${live} ${ready}`;
      if (seen.at(-1) !== state) seen.push(state);
      return state;
    };
    await until("it is ready", async () => (await look()) === "true true", 30_000);
    expect([
      ["false false", "true true"],
      ["false false", "true false", "true true"],
    ]).toContainEqual(seen);
    expect(await rig.adapter.health({ url: loading.url }, never)).toMatchObject({ slotsTotal: 2, slotsFree: 2 });
    await loading.kill();
    expect(await look()).toBe("false false");
  });

  test("props: model, slots and the context of one slot", async () => {
    expect(await rig.adapter.props({ url: llama.url }, never)).toEqual({ models: ["chain"], slots: 2, ctxMax: 8192 });
  });

  test("at temperature 0 the sentence, token by token", async () => {
    const { told, end } = await ask(completion({ model: "chain", temperature: 0 }));
    expect(told.text).toBe(SENTENCE);
    expect(told.tokens.length).toBe(25);
    expect(end).toMatchObject({ finishReason: "stop" });
    expect((await ask(completion({ temperature: 0, maxTokens: 2 }))).end).toMatchObject({ finishReason: "length", tokensOut: 2 });
  });

  test("a character of four tokens comes whole", async () => {
    const { told } = await ask(completion({ prompt: "an emoji", temperature: 0 }));
    expect(told.tokens).toEqual(["🙂", " ."]);
  });

  test("a chat, and one that is passed on as it is", async () => {
    expect((await ask(chat({ temperature: 0 }))).told.text).toBe(SENTENCE);
    const { told, end } = await ask(passed({ body: { model: "chain", temperature: 0 }, includeUsage: true }));
    expect(told.bytes).toContain('"finish_reason":"stop"');
    expect(told.bytes).toContain('"usage":{');
    expect(told.bytes).not.toContain("[DONE]");
    expect(end).toMatchObject({ finishReason: "stop" });
  });

  test("a prompt that is too long is refused, with what would fit", async () => {
    const { fault } = await ask(completion({ prompt: "fox ".repeat(9000) }));
    expect(fault).toMatchObject({ kind: "refused", facts: { status: 400 } });
    expect(fault?.message).toContain("8192");
  });

  test("cancel frees the slot of an endless answer at once, and nothing is told after it", async () => {
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      const { stream, told } = endless();
      await until("five tokens", () => told.tokens.length >= 5);
      const canceledAt = performance.now();
      stream.cancel();
      const calls = told.calls.length;
      await until("the slot is free", async () => (await llama.busySlots()) === 0, FREED_WITHIN_MS * 10);
      times.push(performance.now() - canceledAt);
      expect(told.calls.length).toBe(calls);
      expect(await stream.end.catch((error: unknown) => error)).toMatchObject({ kind: "canceled" });
    }
    console.log(`canceled: the slot of llama.cpp is free after ${times.map((ms) => ms.toFixed(1)).join(", ")} ms`);
    // The quickest: the model computes on the same processors as everything else here.
    expect(Math.min(...times)).toBeLessThan(FREED_WITHIN_MS);
  });

  test("paused it waits, and no token is lost", async () => {
    const { stream, told } = endless({ maxTokens: 2000 });
    await until("five tokens", () => told.tokens.length >= 5);
    stream.pause();
    const paused = told.tokens.length;
    for (let look = 0; look < 20; look++) await llama.slots();
    expect(told.tokens.length).toBe(paused);
    stream.resume();
    expect(await stream.end).toMatchObject({ finishReason: "length" });
    expect(told.text.split(" ").slice(1, 66).join(" ")).toBe(
      [...Array.from({ length: 63 }, (_, n) => `w${String(n).padStart(2, "0")}`), "loop", "w00"].join(" "),
    );
    expect(told.tokens.length).toBe(2000);
  });

  test(`${ROUNDS} answers one after the other: that it closes its connections unannounced is no fault`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { fault, told } = await ask(completion({ prompt: "their next", temperature: 0 }));
      expect([fault?.message, told.text]).toEqual([undefined, " trip ."]);
    }
  });

  test("killed in mid-stream: a reset", async () => {
    await using mortal = await LlamaServer.start({ ctx: 16_384 });
    const { stream, told } = rig.open(mortal.url, completion({ prompt: "loop", temperature: 0 }));
    await until("five tokens", () => told.tokens.length >= 5);
    await mortal.kill();
    expect(await stream.end.catch((error: unknown) => error)).toMatchObject({ kind: "reset" });
  });

  test("a wrong key is refused, and is not in what is told", async () => {
    await using locked = await LlamaServer.start({ key: "sk-right" });
    const { fault } = await rig.ask(locked.url, completion());
    expect(fault).toMatchObject({ kind: "refused", facts: { status: 401 } });
    expect(JSON.stringify([fault?.message, fault?.facts])).not.toContain("sk-very-secret");
  });

  function endless(more: Partial<TaskRequest> = {}): { stream: EngineStream; told: Told } {
    const opened = rig.open(llama.url, completion({ prompt: "loop", temperature: 0, ...more }));
    opened.stream.end.catch(() => undefined);
    return opened;
  }
});
