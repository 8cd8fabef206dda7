import type { AnswerHead } from "../upstream/exchange.ts";
import { type EngineEnd, EngineFault, type EngineSink } from "./adapter.ts";
import type { FramesAnswer, WholeAnswer } from "./engine-call.ts";
import { answerFault, type Asked, frameFault, MAX_ERROR_BYTES, originOf } from "./fault.ts";
import { FrameStream, type Standing } from "./frame-stream.ts";
import { FrameOutlet, type Outlet, TokenOutlet } from "./outlet.ts";
import { parseJson } from "./parse.ts";
import { errorIn, tokensOf } from "./reading.ts";
import { isJsonObject } from "../../kernel/event.ts";

/** Of an answer that is no stream: embeddings of a large batch. */
const MAX_RESULT_BYTES = 32 * 1024 * 1024;

/** `more`: it goes on with the next bytes; `paused`: it has bytes that wait. */
export type Outcome = "more" | "paused" | EngineEnd | EngineFault;

/** Who reads the body of an answer. */
export interface AnswerBody {
  accepts(head: AnswerHead): boolean;
  push(bytes: Buffer): void;
  /** Deals with what was pushed. */
  pump(): Outcome;
  /** The body is whole; after a `pump` that said `more`. */
  finish(): Outcome;
  pause(): void;
  resume(): void;
}

export class FramesBody implements AnswerBody {
  private readonly stream: FrameStream;
  private readonly outlet: Outlet;

  constructor(
    private readonly asked: Asked,
    { read, asFrames }: FramesAnswer,
    sink: EngineSink,
  ) {
    this.outlet = asFrames ? new FrameOutlet(sink, asFrames.withUsage) : new TokenOutlet(sink);
    this.stream = new FrameStream({ sink, outlet: this.outlet, read });
  }

  accepts({ contentType }: AnswerHead): boolean {
    return contentType === "text/event-stream";
  }

  push(bytes: Buffer): void {
    this.stream.push(bytes);
  }

  pump(): Outcome {
    return this.outcome(this.stream.pump());
  }

  finish(): Outcome {
    this.stream.pushEnd();
    const outcome = this.outcome(this.stream.pump());
    if (outcome !== "more") return outcome;
    if (this.stream.said.finish !== undefined) return this.done();
    return new EngineFault("reset", `the engine at ${originOf(this.asked.url)} ended its stream before the answer was complete`);
  }

  pause(): void {
    this.stream.paused = true;
  }

  resume(): void {
    this.stream.paused = false;
  }

  private outcome(standing: Standing): Outcome {
    if (standing === "more" || standing === "paused") return standing;
    if (standing === "done") return this.done();
    const { opened } = this.stream;
    if (standing !== "oversized") return frameFault(this.asked, standing.error, opened);
    return new EngineFault(opened ? "reset" : "http", `the engine at ${originOf(this.asked.url)} sent a frame that is too large`);
  }

  private done(): EngineEnd | EngineFault {
    if (!this.stream.hasAnswer)
      return new EngineFault("reset", `the engine at ${originOf(this.asked.url)} ended its stream without an answer in it`);
    this.outlet.finish();
    const { finish = "stop", tokensIn, tokensOut } = this.stream.said;
    return { finishReason: finish, ...(tokensIn !== undefined && { tokensIn }), ...(tokensOut !== undefined && { tokensOut }) };
  }
}

/** Pieces of a body up to a bound. */
class Pieces {
  bytes = 0;
  private readonly pieces: Buffer[] = [];

  push(piece: Buffer): void {
    this.bytes += piece.length;
    this.pieces.push(piece);
  }

  text(): string {
    return Buffer.concat(this.pieces).toString("utf8");
  }
}

export class WholeBody implements AnswerBody {
  private readonly pieces = new Pieces();
  private head: AnswerHead | undefined;

  constructor(
    private readonly asked: Asked,
    private readonly answer: WholeAnswer,
    private readonly sink: EngineSink,
  ) {}

  accepts(head: AnswerHead): boolean {
    this.head = head;
    return head.contentType === "application/json";
  }

  push(bytes: Buffer): void {
    this.pieces.push(bytes);
  }

  pump(): Outcome {
    if (this.pieces.bytes <= MAX_RESULT_BYTES) return "more";
    return new EngineFault("http", `the engine at ${originOf(this.asked.url)} sent an answer of more than ${MAX_RESULT_BYTES} bytes`);
  }

  finish(): Outcome {
    const text = this.pieces.text();
    const json = parseJson(text);
    if (this.head && isJsonObject(json) && errorIn(json) !== undefined)
      return answerFault(this.asked, this.head, text.slice(0, MAX_ERROR_BYTES));
    const result = json === undefined ? undefined : this.answer.result(json);
    if (result === undefined)
      return new EngineFault("http", `the engine at ${originOf(this.asked.url)} sent an answer that is not the JSON asked for`);
    this.sink.opened();
    this.sink.result(result);
    const usage = isJsonObject(json) && isJsonObject(json["usage"]) ? tokensOf(json["usage"]) : {};
    return { finishReason: "stop", ...usage };
  }

  /** There is one call of the sink, at the end. */
  pause(): void {}
  resume(): void {}
}

/** Of an answer that is none: only what it says of the reason is read. */
export class ErrorBody implements AnswerBody {
  private readonly pieces = new Pieces();

  constructor(
    private readonly asked: Asked,
    private readonly head: AnswerHead,
  ) {}

  accepts(): boolean {
    return true;
  }

  push(bytes: Buffer): void {
    this.pieces.push(bytes);
  }

  pump(): Outcome {
    return this.pieces.bytes > MAX_ERROR_BYTES ? this.finish() : "more";
  }

  finish(): Outcome {
    return answerFault(this.asked, this.head, this.pieces.text());
  }

  pause(): void {}
  resume(): void {}
}
