import { describe, expect, test } from "bun:test";
import { bytesOf, type Replay, type Sample, samplesOf, WireEngine } from "../../../test/programs/wire-engine.ts";
import type { Json } from "../../kernel/event.ts";
import type { EngineKind, TaskRequest } from "../request.ts";
import type { EngineEnd } from "./adapter.ts";
import { AdapterRig, passed } from "./contract.fake.ts";

/** What one engine sends (`test/programs/wire/<engine>.txt`), and what has to come of it. */
export interface EngineWire {
  readonly engine: EngineKind;
  /** Whose recorded answers; the engine's own when absent. */
  readonly recorded?: string;
  readonly streams: readonly StreamCase[];
  /** Recorded answers to `/v1/chat/completions`, with their last frame before `[DONE]` telling usage only. */
  readonly passed: { readonly sample: string; readonly tokens: number; readonly end: EngineEnd };
  readonly results: readonly { readonly sample: string; readonly request: TaskRequest; readonly path: string; readonly data: Json }[];
  /** Error frames before and after the first token; text of the message. */
  readonly errors?: { readonly first: string; readonly later: string; readonly request: TaskRequest; readonly message: RegExp };
  readonly refused: { readonly sample: string; readonly status: number; readonly message: RegExp };
}

export interface StreamCase {
  readonly sample: string;
  readonly request: TaskRequest;
  readonly path: string;
  /** Of the request's body. */
  readonly asks: Record<string, Json>;
  readonly text: string;
  readonly end: EngineEnd;
}

/** Ways in which the same answer may arrive. */
const WAYS: readonly { readonly name: string; readonly replay: (sample: Sample) => Replay }[] = [
  { name: "at once", replay: (sample) => ({ bytes: bytesOf(sample) }) },
  { name: "byte by byte", replay: (sample) => ({ bytes: bytesOf(sample), pieces: 1 }) },
  { name: "in pieces of 7", replay: (sample) => ({ bytes: bytesOf(sample), pieces: 7 }) },
  { name: "in chunks of 3 bytes", replay: (sample) => ({ bytes: bytesOf(sample, { chunkBytes: 3 }), pieces: 50 }) },
  { name: "with CRLF", replay: (sample) => ({ bytes: bytesOf(ending(sample, "\r\n")), pieces: 11 }) },
  { name: "with CR", replay: (sample) => ({ bytes: bytesOf(ending(sample, "\r")), pieces: 13 }) },
  {
    name: "with comments, extra spaces and a trailer",
    replay: (sample) => ({ bytes: bytesOf(padded(sample), { trailer: "x-took: 1\r\n" }) }),
  },
  {
    name: "without the space after data:",
    replay: (sample) => ({ bytes: bytesOf(each(sample, (line) => line.replace(/^data: */, "data:"))) }),
  },
  {
    name: "over two lines",
    replay: (sample) => ({ bytes: bytesOf(each(sample, (line) => line.replace(/^data: *\{/, "data: {\ndata:"))) }),
  },
  { name: "until the connection closes", replay: (sample) => ({ bytes: unframed(sample), ends: "close" }) },
];

export function adapterContract(wire: EngineWire): void {
  const samples = samplesOf(wire.recorded ?? wire.engine);
  const sample: SampleOf = (name) => {
    const found = samples.get(name);
    if (!found) throw new Error(`no sample ${name}`);
    return found;
  };
  describe(`${wire.engine}: tokens`, () => tokens(wire, sample));
  describe(`${wire.engine}: frames as they are`, () => passedFrames(wire, sample));
  describe(`${wire.engine}: whole answers`, () => wholeAnswers(wire, sample));
  describe(`${wire.engine}: errors of its own`, () => ownErrors(wire, sample));
}

type SampleOf = (name: string) => Sample;

function tokens(wire: EngineWire, sample: SampleOf): void {
  for (const { name, replay } of WAYS) {
    test.each(wire.streams.map((stream) => [stream.sample, stream] as const))(`%s, ${name}`, async (_, { text, end, ...stream }) => {
      using engine = new WireEngine();
      using rig = new AdapterRig(wire.engine);
      engine.answer(replay(sample(stream.sample)));
      const answer = await rig.ask(engine.url, stream.request);
      expect(answer.fault).toBeUndefined();
      expect(answer.told.text).toBe(text);
      expect(answer.told.tokens.every((token) => token.length > 0 && token.isWellFormed())).toBe(true);
      expect(answer.told.calls.filter((call) => call !== "token")).toEqual(["opened"]);
      expect(answer.end).toEqual(end);
    });
  }

  test.each(wire.streams.map((stream) => [stream.sample, stream] as const))("%s: what is asked", async (_, stream) => {
    using engine = new WireEngine();
    using rig = new AdapterRig(wire.engine);
    engine.answer({ bytes: bytesOf(sample(stream.sample)) });
    await rig.ask(engine.url, stream.request);
    const [asked] = engine.asked;
    expect(asked).toMatchObject({ method: "POST", path: stream.path, headers: { authorization: "bearer sk-very-secret" } });
    expect(JSON.parse(asked?.body ?? "")).toMatchObject(stream.asks);
  });
}

function passedFrames(wire: EngineWire, sample: SampleOf): void {
  const { body } = sample(wire.passed.sample);
  const frames = body.split(/(?<=\n\n)/);
  const withUsage = frames.slice(0, -1).join("");
  const without = frames.slice(0, -2).join("");

  test.each(WAYS.slice(0, 4).map((way) => [way.name, way] as const))("%s", async (_, { replay }) => {
    for (const [includeUsage, expected] of [
      [false, without],
      [true, withUsage],
    ] as const) {
      using engine = new WireEngine();
      using rig = new AdapterRig(wire.engine);
      engine.answer(replay(sample(wire.passed.sample)));
      const { end, fault, told } = await rig.ask(engine.url, passed({ includeUsage }));
      expect(fault).toBeUndefined();
      expect(told.bytes).toBe(expected);
      expect(told.frameTokens).toBe(wire.passed.tokens);
      expect(end).toEqual(wire.passed.end);
      expect(told.calls[0]).toBe("opened");
      // Whole frames only.
      expect(told.pieces.every((piece) => Buffer.from(piece).toString().endsWith("\n\n"))).toBe(true);
    }
  });

  test("the client's body goes through, streamed and with usage", async () => {
    using engine = new WireEngine();
    using rig = new AdapterRig(wire.engine);
    engine.answer({ bytes: bytesOf(sample(wire.passed.sample)) });
    const body = { stream: false, stream_options: { other: 1 }, unheard_of: [null] };
    await rig.ask(engine.url, passed({ body }));
    expect(engine.asked[0]?.path).toBe("/v1/chat/completions");
    expect(JSON.parse(engine.asked[0]?.body ?? "")).toEqual({
      model: "small",
      messages: [{ role: "user", content: "hi" }],
      logit_bias: { "5": 1 },
      unheard_of: [null],
      stream: true,
      stream_options: { other: 1, include_usage: true },
    });
  });
}

function wholeAnswers(wire: EngineWire, sample: SampleOf): void {
  test.each(wire.results.map((result) => [result.sample, result] as const))("%s", async (_, { request, path, data, ...result }) => {
    using engine = new WireEngine();
    using rig = new AdapterRig(wire.engine);
    engine.answer({ bytes: bytesOf(sample(result.sample)), pieces: 30 });
    const { end, told } = await rig.ask(engine.url, request);
    expect(engine.asked[0]?.path).toBe(path);
    expect(told.calls).toEqual(["opened", "result"]);
    expect(told.results).toEqual([data]);
    expect(end?.finishReason).toBe("stop");
  });
}

function ownErrors(wire: EngineWire, sample: SampleOf): void {
  test("its 4xx is a refusal, with its message", async () => {
    using engine = new WireEngine();
    using rig = new AdapterRig(wire.engine);
    engine.answer({ bytes: bytesOf(sample(wire.refused.sample)) });
    for (const request of [...wire.streams.map((stream) => stream.request), passed()]) {
      const { fault, told } = await rig.ask(engine.url, request);
      expect(fault).toMatchObject({ kind: "refused", facts: { status: wire.refused.status } });
      expect(fault?.message).toMatch(wire.refused.message);
      expect(fault?.facts.body).toMatchObject({ error: { message: fault?.message } });
      expect(told.calls).toEqual([]);
    }
  });

  const { errors } = wire;
  if (!errors) return;
  test("an error as the first frame counts as 5xx, later as a reset", async () => {
    using engine = new WireEngine();
    using rig = new AdapterRig(wire.engine);
    engine.answer({ bytes: bytesOf(sample(errors.first)) }, { bytes: bytesOf(sample(errors.later)) });
    const first = await rig.ask(engine.url, errors.request);
    expect(first.fault?.kind).toBe("http");
    expect(first.fault?.message).toMatch(errors.message);
    expect(first.told.calls).toEqual([]);
    const later = await rig.ask(engine.url, errors.request);
    expect(later.fault?.kind).toBe("reset");
    expect(later.fault?.message).toMatch(errors.message);
    expect(later.told.calls).toEqual(["opened", "token"]);
  });
}

function each(sample: Sample, change: (line: string) => string): Sample {
  return { ...sample, body: sample.body.split("\n").map(change).join("\n") };
}

function ending(sample: Sample, eol: string): Sample {
  return { ...sample, body: sample.body.replaceAll("\n", eol) };
}

function padded(sample: Sample): Sample {
  const body = each(sample, (line) => line.replace(/^data: */, "data:   ").replace(/$/, line ? "  " : "")).body;
  return {
    ...sample,
    body: `: ping\n\n${body.replaceAll("\n\n", "\n: ping\n\n: ping\n\nretry: 5\n\nid: 7\nevent: message\n").replace(/id: 7\nevent: message\n$/, "")}`,
  };
}

/** HTTP/1.0's way: the end of the connection is the end of the body. */
function unframed({ head, body }: Sample): Buffer {
  const lines = head.split("\n").filter((line) => !/^transfer-encoding/i.test(line));
  return Buffer.from(`${[...lines, "Connection: close"].join("\r\n")}\r\n\r\n${body}`);
}
