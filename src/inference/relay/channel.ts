import type { Clock } from "../../kernel/clock.ts";
import type { Json, JsonObject } from "../../kernel/event.ts";
import { failureJson, type TaskFailure } from "../failure.ts";
import type { TaskRequest } from "../request.ts";
import type { TaskControl, TaskEnd, TaskOutput } from "../tasks/task.ts";
import { Audience, type Consumer, type Member, type Subscription } from "./audience.ts";
import { Batch } from "./batch.ts";
import { Chain, type Place } from "./chain.ts";
import { eventFrame, noticeFrame, noticeText, type TaskEvent, tokenFrame } from "./frames.ts";

/** Of tokens, as frames; kept while the task lives and for who resumes after it. */
const RING_BYTES = 64 * 1024;

/** How a task ended. */
export type Outcome = { readonly end: TaskEnd } | { readonly failure: TaskFailure };

/** Where a reader goes on: behind event number `seq` (0: from the beginning), whose id has the time `ms`; or behind everything up to `ms`. */
export type ResumePoint = { readonly seq: number; readonly ms?: number } | { readonly ms: number };

/**
 * The relay of one task: what its engine says, in order, for everybody who reads it. Of `/v2` it makes the events and numbers them, without a gap over
 * all but metrics; of `/v1` frames pass as they are, to the one consumer there is.
 */
export class Channel implements TaskOutput {
  readonly taskId: string;
  private readonly chain: Chain;
  private readonly audience: Audience;
  private readonly batch: Batch;
  private readonly state: {
    tokens: number;
    /** Kept beyond the ring: who comes late gets it too. */
    begin?: Uint8Array;
    flushing: boolean;
    opened: boolean;
    answer?: Json;
    outcome?: Outcome;
  } = { tokens: 0, flushing: false, opened: false };

  constructor(private readonly how: { readonly request: TaskRequest; readonly control: TaskControl; readonly clock: Clock }) {
    this.taskId = how.request.taskId;
    this.chain = new Chain(how.request.openai ? 0 : RING_BYTES);
    this.audience = new Audience(how.control);
    this.batch = new Batch(how.clock);
  }

  /** The engine's answer has begun: of `/v1` the head of ours may be sent. */
  get isOpen(): boolean {
    return this.state.opened;
  }

  /** How many read it now. */
  get readers(): number {
    return this.audience.size;
  }

  /** Bytes that are kept for who comes later. */
  get keptBytes(): number {
    return this.chain.keptBytes;
  }

  /** Set with the last word. */
  get outcome(): Outcome | undefined {
    return this.state.outcome;
  }

  /** Of `/v1`, what is answered as a whole: embeddings. */
  get answer(): Json | undefined {
    return this.state.answer;
  }

  /** The terminal event is not behind that point: who goes on from there gets nothing more. */
  isOverAt(point: ResumePoint): boolean {
    if (!this.state.outcome) return false;
    return "seq" in point ? point.seq === this.chain.last && !this.isForeign(point) : point.ms >= this.chain.lastMs;
  }

  /** Without a resume point first what the ring holds. What it holds no more is told with `gap`, a point that never was with `reset`. */
  subscribe(consumer: Consumer, { from = { seq: 0 }, verbose = false }: { from?: ResumePoint; verbose?: boolean } = {}): Subscription {
    this.flush();
    const foreign = this.isForeign(from);
    const point = foreign ? { seq: 0 } : from;
    const seen = "seq" in point ? point.seq : 0;
    const member: Member = { consumer, verbose, place: this.chain.placeAfter(seen, "seq" in point ? 0 : point.ms) };
    this.audience.join(member);
    const reset = foreign ? [noticeFrame("reset", { last_seq: this.chain.last })] : [];
    return this.hold(member, [...reset, ...this.missing(point)]);
  }

  started(info: { readonly queuePosition: number; readonly predictedStartMs: number }): void {
    if (this.how.request.openai) return;
    this.event("started", { queue_position: info.queuePosition, predicted_start_ms: info.predictedStartMs });
  }

  opened(): void {
    if (this.state.opened) return;
    this.state.opened = true;
    this.audience.wake();
  }

  token(text: string): void {
    if (this.state.outcome) return;
    this.batch.add(tokenFrame(this.batch.nextId(), text, this.state.tokens++), 1);
    if (this.batch.isFull) this.flush();
    else if (!this.state.flushing) {
      this.state.flushing = true;
      queueMicrotask(this.flushed);
    }
  }

  frames(bytes: Uint8Array, tokens: number): void {
    if (this.state.outcome) return;
    // What carries no token counts as one, so that it is bounded as well.
    this.chain.push({ bytes, frames: 1, tokens: Math.max(1, tokens), ms: 0 });
    this.tell();
  }

  result(data: Json): void {
    if (this.how.request.openai) this.state.answer = data;
    else this.event("result", { data });
  }

  metrics(data: JsonObject, verbose: boolean): void {
    if (this.state.outcome || this.how.request.openai || this.audience.size === 0) return;
    this.flush();
    this.audience.offer(noticeFrame("metrics", data), verbose);
  }

  /** `summary`: metrics that are not lost, unlike those before. */
  ended(end: TaskEnd, summary?: JsonObject): void {
    const { tokens_out: tokensOut, decode_ms: decodeMs, finish_reason: finishReason } = end;
    const data = { tokens_out: tokensOut, decode_ms: decodeMs, decode_time_ms: decodeMs, finish_reason: finishReason };
    this.finish(() => (summary ? noticeText("metrics", summary) : "") + eventFrame("end", this.batch.nextId(), data), { end });
  }

  failed(failure: TaskFailure): void {
    this.finish(() => eventFrame("error", this.batch.nextId(), failureJson(failure)), { failure });
  }

  /** Nobody can come back any more. Who still reads gets the rest. */
  close(): void {
    this.chain.release();
  }

  private finish(frame: () => string, outcome: Outcome): void {
    if (this.state.outcome) return;
    if (this.how.request.openai) {
      this.state.outcome = outcome;
      return this.audience.wake();
    }
    this.batch.add(frame(), 0);
    this.state.outcome = outcome;
    this.flush();
  }

  private event(event: TaskEvent, data: JsonObject): void {
    if (this.state.outcome) return;
    this.flush();
    this.batch.add(eventFrame(event, this.batch.nextId(), data), 0);
    const piece = this.batch.take();
    if (event === "started") this.state.begin = piece.bytes;
    this.chain.push(piece);
    this.tell();
  }

  private readonly flushed = (): void => {
    this.state.flushing = false;
    this.flush();
  };

  private flush(): void {
    if (this.batch.isEmpty) return;
    this.chain.push(this.batch.take());
    this.tell();
  }

  private tell(): void {
    this.audience.wake();
    this.audience.balance();
  }

  /** Of an earlier task with this task's id, say. */
  private isForeign(point: ResumePoint): boolean {
    if (!("seq" in point) || point.seq === 0) return false;
    return point.seq > this.chain.last || (point.ms !== undefined && !this.chain.hasId(point.seq, point.ms));
  }

  /** What a reader has not seen and the ring no longer holds. */
  private missing(point: ResumePoint): Uint8Array[] {
    const { firstKept } = this.chain;
    if (!("seq" in point) || firstKept <= point.seq + 1) return [];
    const begin = point.seq === 0 && this.state.begin ? [this.state.begin] : [];
    const seen = Math.max(point.seq, begin.length);
    return firstKept <= seen + 1 ? begin : [...begin, noticeFrame("gap", { requested: seen, first_available: firstKept })];
  }

  private hold(member: Member, opening: Uint8Array[]): Subscription {
    const { place } = member;
    return {
      take: (maxBytes) => opening.shift() ?? this.taken(place, maxBytes),
      isOver: () => this.state.outcome !== undefined && opening.length === 0 && place.done,
      leave: () => this.left(member),
    };
  }

  private taken(place: Place, maxBytes: number): Uint8Array | undefined {
    const bytes = place.take(maxBytes);
    if (bytes) this.audience.balance();
    return bytes;
  }

  private left(member: Member): void {
    if (!this.audience.leave(member)) return;
    if (this.audience.size === 0 && !this.state.outcome && this.how.request.cancelOnDisconnect) this.how.control.abandoned();
    else this.audience.balance();
  }
}
