import type { UpstreamClient, UpstreamRequest } from "../upstream/client.ts";
import type { AnswerHandlers, AnswerHead } from "../upstream/exchange.ts";
import { type EngineEnd, EngineFault, type EngineStream } from "./adapter.ts";
import { type AnswerBody, ErrorBody, type Outcome } from "./answer-body.ts";
import type { SinkGate } from "./sink-gate.ts";

/** A request to an engine under way; settles once. */
export class AnswerStream implements EngineStream {
  readonly end: Promise<EngineEnd>;
  private readonly settled = Promise.withResolvers<EngineEnd>();
  private call: ReturnType<UpstreamClient["request"]> | undefined;
  private over = false;
  private paused = false;
  /** The body has ended while the stream was paused. */
  private bodyEnded = false;
  private pumping = false;

  constructor(
    private readonly request: UpstreamRequest,
    /** Of the answer 200; it tells its sink through the gate. */
    private body: AnswerBody,
    private readonly gate: SinkGate,
  ) {
    this.end = this.settled.promise;
    // Who cancels does not wait for it.
    this.end.catch(() => undefined);
  }

  start(client: UpstreamClient): this {
    try {
      this.call = client.request(this.request, this.handlers());
    } catch (error) {
      this.fail(error instanceof EngineFault ? error : new EngineFault("connect", String(error)));
    }
    return this;
  }

  pause(): void {
    if (this.over || this.paused) return;
    this.paused = true;
    this.body.pause();
    this.call?.pause();
  }

  resume(): void {
    if (this.over || !this.paused) return;
    this.paused = false;
    this.body.resume();
    // Asked for from within the sink: the loop that called it goes on.
    if (!this.pumping) this.pump();
    if (!this.over && !this.paused) this.call?.resume();
  }

  cancel(): void {
    this.fail(new EngineFault("canceled", "the request to the engine was canceled"));
  }

  private handlers(): AnswerHandlers {
    return {
      head: (head) => this.onHead(head),
      data: (bytes) => {
        this.body.push(bytes);
        this.pump();
      },
      end: () => {
        this.bodyEnded = true;
        this.pump();
      },
      fail: (fault) => this.fail(fault),
    };
  }

  private onHead(head: AnswerHead): void {
    if (head.status !== 200 || !this.body.accepts(head)) this.body = new ErrorBody(this.request, head);
  }

  private pump(): void {
    this.pumping = true;
    let outcome: Outcome = this.body.pump();
    if (outcome === "more" && this.bodyEnded) outcome = this.body.finish();
    this.pumping = false;
    if (this.over || outcome === "more" || outcome === "paused") return;
    if (outcome instanceof EngineFault) this.fail(outcome);
    else this.succeed(outcome);
  }

  private succeed(end: EngineEnd): void {
    if (this.over) return;
    this.over = true;
    this.gate.close();
    this.call?.release();
    // What came goes out first: who hears of the end has a task to bring to its end.
    setImmediate(() => this.settled.resolve(end));
  }

  private fail(fault: EngineFault): void {
    if (this.over) return;
    this.over = true;
    this.gate.close();
    this.body.pause();
    this.call?.cancel();
    this.settled.reject(fault);
  }
}
