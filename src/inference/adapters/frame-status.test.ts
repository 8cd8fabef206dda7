import { expect, test } from "bun:test";
import { WireEngine } from "../../../test/programs/wire-engine.ts";
import type { EngineKind } from "../request.ts";
import { AdapterRig, completion, passed } from "./contract.fake.ts";
import { statusIn } from "./frame-status.ts";

test.each([
  [{ code: 400 }, 400],
  [{ code: "422" }, 422],
  [{ code: null, status: 413 }, 413],
  [{ code: 500, type: "invalid_request_error" }, 500],
  [{ code: "context_length_exceeded", type: "invalid_request_error" }, 400],
  [{ type: "BadRequestError" }, 400],
  [{ type: "validation" }, 422],
  [{ message: "Input validation error: too long", http_status_code: 422 }, 422],
  [{ message: "CUDA error", http_status_code: 422 }, undefined],
  [{ type: "generation" }, undefined],
  [{ code: 7 }, undefined],
  ["out of memory", undefined],
] as const)("%j means %p", (error, status) => {
  expect(statusIn(error)).toBe(status as number);
});

const TOO_LONG = { error: "Input validation error: `inputs` must have less than 1024 tokens", error_type: "validation" };
const BAD = { error: { message: "too long", type: "BadRequestError", code: 400 } };
const BUSY = { error: { message: "busy", code: 429 } };

test.each([
  ["tgi", completion(), TOO_LONG, { kind: "refused", status: 422 }],
  ["tgi", passed(), TOO_LONG, { kind: "refused", status: 422 }],
  ["vllm", passed(), BAD, { kind: "refused", status: 400 }],
  ["openai", completion(), { object: "error", ...BAD.error }, { kind: "refused", status: 400 }],
  ["openai", passed(), BUSY, { kind: "http", status: 429 }],
  ["llamacpp", completion(), { error: { message: "no slot", code: 503 } }, { kind: "http", status: 200 }],
] as const)("%s that says so in the first frame of a 200", async (engine: EngineKind, request, error, { kind, status }) => {
  for (const event of ["", "event: error\n"]) {
    using wire = new WireEngine();
    using rig = new AdapterRig(engine);
    const frame = `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n${event}data: ${JSON.stringify(error)}\n\n`;
    wire.answer({ bytes: Buffer.from(frame), ends: "close" });
    const { fault, told } = await rig.ask(wire.url, request);
    expect(fault).toMatchObject({ kind, facts: { status } });
    expect(fault?.message).toMatch(/1024 tokens|too long|busy|no slot/);
    expect(told.calls).toEqual([]);
  }
});

test("one that says so behind a frame without a token is a refusal as well", async () => {
  using wire = new WireEngine();
  using rig = new AdapterRig("openai");
  const role = '{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}';
  const frames = [role, JSON.stringify(BAD)].map((data) => `data: ${data}\n\n`).join("");
  wire.answer({ bytes: Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n${frames}`), ends: "close" });
  expect((await rig.ask(wire.url, passed())).fault).toMatchObject({ kind: "refused", facts: { status: 400 } });
});

const inputs = { workload: "embedding", inputs: ["a"] } as const;

test.each([
  ["vllm", passed(), BAD, { kind: "refused", status: 400 }],
  ["openai", completion(), { object: "error", ...BAD.error }, { kind: "refused", status: 400 }],
  ["tgi", completion(), TOO_LONG, { kind: "refused", status: 422 }],
  ["tgi", completion(inputs), TOO_LONG, { kind: "refused", status: 422 }],
  ["openai", completion(inputs), BAD, { kind: "refused", status: 400 }],
  ["openai", completion(inputs), BUSY, { kind: "http", status: 429 }],
  ["openai", completion(inputs), { error: { message: "no slot", code: 503 } }, { kind: "http", status: 200 }],
  ["openai", completion(inputs), { error: "no slot" }, { kind: "http", status: 200 }],
] as const)("%s that says so in the whole body of a 200", async (engine: EngineKind, request, error, { kind, status }) => {
  using wire = new WireEngine();
  using rig = new AdapterRig(engine);
  wire.answer({ bytes: Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(error)}`), ends: "close" });
  const { fault, told } = await rig.ask(wire.url, request);
  expect(fault).toMatchObject({ kind, facts: { status } });
  expect(fault?.message).toMatch(/1024 tokens|too long|busy|no slot/);
  expect(fault?.facts.kept).toMatch(status === 200 ? /sent an error( of status 503)?$/ : new RegExp(`sent an error of status ${status}$`));
  expect(told.calls).toEqual([]);
});
