import { describe, expect, test } from "bun:test";
import { fastest } from "../../../test/fastest.ts";
import { type Replay, WireEngine } from "../../../test/programs/wire-engine.ts";
import { until } from "../../../test/until.ts";
import type { EngineKind, TaskRequest } from "../request.ts";
import type { EngineFault } from "./adapter.ts";
import { AdapterRig } from "./contract.fake.ts";

/** Frames of one engine, to build broken answers of. */
export interface FaultyWire {
  readonly engine: EngineKind;
  readonly request: TaskRequest;
  /** The JSON of a frame with this token; it ends in the text of a token when cut. */
  readonly token: (text: string) => string;
  /** The JSON of the frames that end an answer. */
  readonly last: readonly string[];
  /** The task's frames go on as bytes. */
  readonly asFrames: boolean;
}

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;
/** The last chunk. */
const DONE = "0\r\n\r\n";
const BIG = 10 * 1024 * 1024;
/** A server that sees the end of a connection later than this lets its engine work for nobody. */
const CANCEL_MS = 50;

export function faultContract(wire: FaultyWire): void {
  const name = `${wire.engine}${wire.asFrames ? ", /v1" : ""}`;
  const rig = new FaultRig(wire);
  describe(`${name}: what goes wrong`, () => {
    brokenBodies(rig);
    noStreams(rig);
    hostileAnswers(rig);
  });
  describe(`${name}: cancel and pause`, () => {
    cancels(rig);
    pauses(rig);
  });
}

/** Builds broken answers, and tells what becomes of them. */
class FaultRig {
  /** A frame with a token, and the frames that end an answer. */
  readonly one: string;
  readonly end: string;
  /** What the sink is told for a token. */
  readonly piece: "frames" | "token";

  constructor(readonly wire: FaultyWire) {
    this.one = frameOf(wire.token("one"));
    this.end = wire.last.map(frameOf).join("");
    this.piece = wire.asFrames ? "frames" : "token";
  }

  readonly token = (text: string): string => this.wire.token(text);

  readonly told = async (...replays: Replay[]): Promise<Outcome> => {
    using engine = new WireEngine();
    using rig = new AdapterRig(this.wire.engine);
    engine.answer(...replays);
    const { end, fault, told } = await rig.ask(engine.url, this.wire.request);
    return { kind: fault?.kind ?? end?.finishReason, fault, calls: told.calls };
  };

  /** The beginning of a chunked answer. */
  readonly stream = (...frames: string[]): Buffer => Buffer.from(CHUNKED + frames.map(chunk).join(""));

  /** A stream that goes on, in small pieces. */
  readonly endless = (): Replay => {
    const frames = Array.from({ length: 400 }, (_, at) => frameOf(this.token(`t${at}`)));
    return { bytes: this.stream(...frames), pieces: 300, ends: "hang" };
  };
}

interface Outcome {
  /** Of the fault, else the finish reason. */
  readonly kind: string | undefined;
  readonly fault: EngineFault | undefined;
  readonly calls: readonly string[];
}

function brokenBodies({ told, stream, one, end, piece, token }: FaultRig): void {
  test("garbage between frames is skipped and counted", async () => {
    const garbage = 'data: {"never closed\n\ndata: \u0000\u0001\n\n[1,2\n\ndata: null\n\ndata: 5\n\n';
    const { kind, calls } = await told({ bytes: Buffer.concat([stream(one, garbage, one, end), Buffer.from(DONE)]) });
    expect(kind).toBe("stop");
    expect(calls.filter((call) => call === "skipped")).toHaveLength(3);
    expect(calls.filter((call) => call === piece).length).toBeGreaterThanOrEqual(2);
  });

  test("half a character at the end of a body", async () => {
    const half = Buffer.concat([Buffer.from(`${HEAD}\r\n${one}data: ${token("x").slice(0, -8)}`), Buffer.from([0xf0, 0x9f])]);
    const { kind, calls } = await told({ bytes: half, ends: "close" });
    expect(kind).toBe("reset");
    expect(calls.filter((call) => call === piece)).toHaveLength(1);
  });

  test("a body that ends cleanly before the answer does is no end", async () => {
    expect((await told({ bytes: Buffer.from(`${HEAD}\r\n${one}`), ends: "close" })).kind).toBe("reset");
    expect((await told({ bytes: Buffer.concat([stream(one), Buffer.from(DONE)]) })).kind).toBe("reset");
    expect((await told({ bytes: Buffer.concat([stream(), Buffer.from(DONE)]) })).kind).toBe("reset");
  });

  test("a body that ends as it should, with no answer in it", async () => {
    const usage = '{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":0}}';
    for (const frames of [["[DONE]"], [usage, "[DONE]"], ['{"foo":1}', "[DONE]"]]) {
      const { kind, fault } = await told({ bytes: Buffer.concat([stream(...frames.map(frameOf)), Buffer.from(DONE)]) });
      expect([frames, kind, fault?.message]).toEqual([frames, "reset", expect.stringContaining("without an answer")]);
    }
  });

  test("EOF in the middle of a chunk", async () => {
    const bytes = stream(one, one);
    const { kind, calls } = await told({ bytes: bytes.subarray(0, -20), ends: "close" });
    expect(kind).toBe("reset");
    expect(calls.slice(0, 2)).toEqual(["opened", piece]);
    // The first frame is whole, the second is not.
    expect(calls).toHaveLength(2);
  });

  test("a reset in mid-token", async () => {
    const { kind } = await told({ bytes: stream(one, one).subarray(0, -20), pieces: 40, ends: "reset" });
    expect(kind).toBe("reset");
  });
}

function noStreams({ told, stream, one, end }: FaultRig): void {
  test("a reset, or an end, before any answer", async () => {
    expect((await told({ bytes: Buffer.alloc(0), ends: "reset" })).kind).toBe("connect");
    expect((await told({ bytes: Buffer.alloc(0), ends: "close" })).kind).toBe("connect");
    expect((await told({ bytes: Buffer.from("HTTP/1.1 20"), ends: "close" })).kind).toBe("connect");
  });

  test("200 with something else than an event stream", async () => {
    const json = '{"error":{"message":"model is on fire","type":"server_error","code":500}}';
    const bytes = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${json.length}\r\n\r\n${json}`);
    const { fault, calls } = await told({ bytes });
    expect(fault).toMatchObject({ kind: "http", message: "model is on fire", facts: { status: 200 } });
    expect(calls).toEqual([]);
    const page = await told({ bytes: Buffer.from("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"), ends: "close" });
    expect(page.fault?.message).toMatch(/text\/html where an event stream was expected/);
  });

  test.each([
    ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    ["a head that does not end", `${HEAD}X: ${"y".repeat(20_000)}`],
    ["two lengths", `${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
    ["a switch of protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
    ["a redirect", "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"],
    ["compression", `${HEAD}Content-Encoding: gzip\r\n\r\nxx`],
    ["503", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"],
    ["408", "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"],
  ])("%s counts as 5xx", async (_, text) => {
    const { kind, calls } = await told({ bytes: Buffer.from(text), ends: "close" });
    expect(kind).toBe("http");
    expect(calls).toEqual([]);
  });

  test("429 says when to come back", async () => {
    const head = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n";
    const of = async (more: string): Promise<number | undefined> =>
      (await told({ bytes: Buffer.from(`${head}${more}\r\n`) })).fault?.facts.retryAfterMs;
    expect(await of("Retry-After: 3\r\n")).toBe(3000);
    expect(await of("Retry-After: 3\r\nretry-after-ms: 250\r\n")).toBe(250);
    expect(await of("Date: Mon, 02 Nov 2026 10:00:00 GMT\r\nRetry-After: Mon, 02 Nov 2026 10:00:09 GMT\r\n")).toBe(9000);
    expect(await of("Retry-After: soon\r\n")).toBeUndefined();
    expect(await of("")).toBeUndefined();
  });

  test("interim answers are skipped", async () => {
    const bytes = Buffer.concat([
      Buffer.from("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"),
      stream(one, end),
      Buffer.from(DONE),
    ]);
    expect((await told({ bytes, pieces: 9 })).kind).toBe("stop");
  });
}

function hostileAnswers({ told, stream, one }: FaultRig): void {
  test("10 MB in one frame are not waited for", async () => {
    const bytes = Buffer.concat([stream(one), Buffer.from(`${BIG.toString(16)}\r\n`), Buffer.alloc(BIG, "x")]);
    const { kind, fault } = await told({ bytes });
    expect(kind).toBe("reset");
    expect(fault?.message).toMatch(/too large/);
  });

  test("its key is in no error", async () => {
    const body = '{"error":{"message":"bad key sk-very-secret","type":"auth"}}';
    const bytes = Buffer.from(
      `HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const { fault } = await told({ bytes });
    expect(fault?.message).toBe("bad key ***");
    expect(JSON.stringify(fault?.facts)).not.toContain("secret");
  });
}

function cancels({ wire, endless, piece }: FaultRig): void {
  test.each(["opened", piece])("nothing is told after a cancel at the first call of %s, and the engine sees the end", async (at) => {
    const took = await fastest(async () => {
      using engine = new WireEngine();
      using rig = new AdapterRig(wire.engine);
      engine.answer(endless());
      const { stream, told } = rig.open(engine.url, wire.request);
      let canceledAt = 0;
      told.onCall = (call) => {
        if (call !== at || canceledAt > 0) return;
        canceledAt = performance.now();
        stream.cancel();
        stream.cancel();
      };
      expect(await faultOf(stream.end)).toBe("canceled");
      const calls = told.calls.length;
      await until("the engine sees the close", () => engine.closed === 1);
      const ms = performance.now() - canceledAt;
      expect(told.calls).toHaveLength(calls);
      expect(told.calls.at(-1)).toBe(at);
      return ms;
    });
    expect(took).toBeLessThan(CANCEL_MS);
  });

  test("a cancel before the connection is there", async () => {
    using engine = new WireEngine();
    using rig = new AdapterRig(wire.engine);
    engine.answer(endless());
    const { stream, told } = rig.open(engine.url, wire.request);
    stream.cancel();
    expect(await faultOf(stream.end)).toBe("canceled");
    await until("it is gone", () => engine.closed === engine.connections);
    expect(engine.asked).toEqual([]);
    expect(told.calls).toEqual([]);
  });

  test("a cancel of an engine that does not answer", async () => {
    using engine = new WireEngine();
    using rig = new AdapterRig(wire.engine);
    const { stream } = rig.open(engine.url, wire.request);
    await until("it was asked", () => engine.asked.length === 1);
    stream.cancel();
    expect(await faultOf(stream.end)).toBe("canceled");
    await until("the engine sees the close", () => engine.closed === 1);
  });
}

function pauses({ wire, stream, one, end, piece }: FaultRig): void {
  test("paused, it tells nothing until it goes on, and loses nothing", async () => {
    using engine = new WireEngine();
    using rig = new AdapterRig(wire.engine);
    engine.answer({ bytes: Buffer.concat([stream(...Array.from({ length: 2000 }, () => one), end), Buffer.from(DONE)]) });
    const { stream: answer, told } = rig.open(engine.url, wire.request);
    let isPaused = false;
    let pauses = 0;
    told.onCall = (call) => {
      expect(isPaused).toBe(false);
      if (call !== piece) return;
      isPaused = true;
      pauses += 1;
      answer.pause();
      setImmediate(() => {
        isPaused = false;
        answer.resume();
      });
    };
    expect((await answer.end).finishReason).toBe("stop");
    expect(pauses).toBeGreaterThan(wire.asFrames ? 4 : 1999);
    expect(wire.asFrames ? told.frameTokens : told.count("token")).toBe(2000);
  });
}

function frameOf(json: string): string {
  return `data: ${json}\n\n`;
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

async function faultOf(end: Promise<unknown>): Promise<string | undefined> {
  return end.then(
    () => undefined,
    (fault: EngineFault) => fault.kind,
  );
}
