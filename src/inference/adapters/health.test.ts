import { describe, expect, test } from "bun:test";
import { bytesOf, type Replay, samplesOf, WireEngine } from "../../../test/programs/wire-engine.ts";
import { until } from "../../../test/until.ts";
import type { EngineKind } from "../request.ts";
import { EngineFault } from "./adapter.ts";
import { AdapterRig } from "./contract.fake.ts";

const NEVER = new AbortController().signal;

/** An engine that answers the paths with recorded answers, and everything else with 404. */
function engineWith(recorded: string, paths: Record<string, string>): WireEngine {
  const engine = new WireEngine();
  const samples = samplesOf(recorded);
  for (const [path, name] of Object.entries(paths)) engine.answerTo(path, { bytes: bytesOf(samples.get(name) ?? { head: "", body: "" }) });
  engine.answer({ bytes: Buffer.from("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") });
  return engine;
}

describe("health", () => {
  test.each([
    [
      "llamacpp",
      "llamacpp",
      { "/health": "health", "/slots": "slots" },
      { live: true, ready: true, slotsTotal: 2, slotsFree: 2, slotsBusy: 0 },
    ],
    ["llamacpp", "llamacpp", { "/health": "health" }, { live: true, ready: true }],
    ["llamacpp", "llamacpp", { "/health": "loading" }, { live: true, ready: false, detail: "Loading model" }],
    ["vllm", "vllm", { "/health": "health", "/metrics": "metrics" }, { live: true, ready: true, slotsBusy: 5, slotsFree: 0 }],
    ["vllm", "vllm", { "/health": "health" }, { live: true, ready: true }],
    ["tgi", "tgi", { "/health": "health" }, { live: true, ready: true }],
    ["tgi", "tgi", { "/health": "busy" }, { live: true, ready: false, detail: "Model is overloaded" }],
    ["openai", "openai", { "/v1/models": "models" }, { live: true, ready: true }],
    ["mock", "openai", { "/v1/models": "models" }, { live: true, ready: true }],
    // A server need not list its models.
    ["openai", "openai", {}, { live: true, ready: true }],
    ["mock", "openai", {}, { live: true, ready: true }],
    ["openai", "openai", { "/v1/models": "key" }, { live: true, ready: false, detail: "Incorrect API key provided: ***." }],
  ] as const)("%s of %s, %j", async (kind, recorded, paths, health) => {
    using engine = engineWith(recorded, paths);
    using rig = new AdapterRig(kind);
    expect(await rig.adapter.health({ url: engine.url, apiKey: "sk-very-secret" }, NEVER)).toEqual(health);
    expect(engine.asked.every(({ headers }) => headers["authorization"] === "bearer sk-very-secret")).toBe(true);
  });

  test.each(["llamacpp", "vllm", "tgi", "openai", "mock"] as const)(
    "%s that does not answer, or not in time, is not live",
    async (kind) => {
      using rig = new AdapterRig(kind);
      expect(await rig.adapter.health({ url: "http://127.0.0.1:1" }, NEVER)).toMatchObject({
        live: false,
        ready: false,
        detail: expect.stringMatching(/refused/),
      });
      expect(await rig.adapter.health({ url: "nonsense" }, NEVER)).toMatchObject({ live: false, ready: false });
      using engine = new WireEngine();
      const given = new AbortController();
      const asked = rig.adapter.health({ url: engine.url }, given.signal);
      await until("it was asked", () => engine.asked.length === 1);
      given.abort();
      expect(await asked).toMatchObject({ live: false, ready: false, detail: expect.stringMatching(/did not answer .* in time/) });
      await until("the connection is closed", () => engine.closed === 1);
      expect(await rig.adapter.health({ url: engine.url }, given.signal)).toMatchObject({ live: false });
    },
  );

  test("an answer that is no HTTP, or endless, is life of a sort", async () => {
    using engine = new WireEngine();
    using rig = new AdapterRig("openai");
    const endless: Replay = { bytes: Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\n\r\n"), Buffer.alloc(5 * 1024 * 1024, "x")]) };
    engine.answer({ bytes: Buffer.from("220 ready\r\n") }, endless);
    expect(await rig.adapter.health({ url: engine.url }, NEVER)).toMatchObject({
      live: true,
      ready: false,
      detail: expect.stringMatching(/no valid HTTP/),
    });
    expect(await rig.adapter.health({ url: engine.url }, NEVER)).toMatchObject({
      live: true,
      ready: false,
      detail: expect.stringMatching(/more than/),
    });
  });
});

describe("properties", () => {
  test.each([
    ["llamacpp", { "/v1/models": "models", "/props": "props" }, { models: ["chain"], slots: 2, ctxMax: 512 }],
    ["llamacpp", { "/v1/models": "models" }, { models: ["chain"] }],
    ["vllm", { "/v1/models": "models" }, { models: ["small"], ctxMax: 4096 }],
    ["tgi", { "/info": "info" }, { models: ["org/small"], ctxMax: 2048, slots: 128 }],
    ["openai", { "/v1/models": "models" }, { models: ["small", "other"] }],
  ] as const)("%s of %j", async (kind, paths, props) => {
    using engine = engineWith(kind, paths);
    using rig = new AdapterRig(kind);
    expect(await rig.adapter.props({ url: engine.url }, NEVER)).toEqual(props);
  });

  test.each(["llamacpp", "vllm", "tgi", "openai", "mock"] as const)("%s: what fails is a fault", async (kind: EngineKind) => {
    using engine = engineWith("openai", {});
    using rig = new AdapterRig(kind);
    const fault = await rig.adapter.props({ url: engine.url }, NEVER).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(EngineFault);
    expect(fault).toMatchObject({ facts: { status: 404 } });
    engine.answer({ bytes: Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") });
    expect(await rig.adapter.props({ url: engine.url }, NEVER).catch((error: unknown) => error)).toMatchObject({
      kind: "http",
      message: expect.stringMatching(/not JSON/),
    });
    expect(await rig.adapter.props({ url: "nonsense" }, NEVER).catch((error: unknown) => error)).toMatchObject({ kind: "connect" });
  });
});
