import { Answer } from "../edge/http/answer.ts";
import { type BodyScanner, bodyScanner } from "../edge/http1/body.ts";
import type { Draft } from "../edge/http1/draft.ts";
import { draftResponse } from "../edge/http1/hop.ts";
import type { RequestHead, ResponseHead } from "../edge/http1/message.ts";
import { type Dial, HIGH_WATER, type Wire, type WireHandlers } from "../edge/wire.ts";
import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { errnoOf } from "../kernel/errors.ts";
import { answerProblem } from "./answer.ts";
import type { Book, EngineSeat } from "./book.ts";
import { headForEngine } from "./request-head.ts";

/** The engine is on this machine. */
const DIAL_TIMEOUT_MS = 2_000;
/** For the next bytes of a request that is not whole yet. */
const UPLOAD_MS = 30_000;
/** For the client to close after its answer. */
const LINGER_MS = 10_000;

export interface RelayOptions {
  readonly head: RequestHead;
  /** Of the body, what came with the head. */
  readonly rest: Buffer;
  readonly pool: string;
  /** On the engine. */
  readonly path: string;
  readonly book: Book;
  readonly dial: Dial;
  readonly clock: Clock;
  /** Once, last. */
  readonly over: () => void;
}

/**
 * One request to an engine of this machine. Bytes go through as they come; who reads slowly stops who writes; whichever side leaves, the other is reset at once:
 * that is how a task is canceled. One request a connection, on both sides: an engine that ends connections at its own will then breaks nothing.
 */
export class Relay {
  private readonly answer: Answer;
  private readonly body: BodyScanner;
  private engine: Wire | undefined;
  private letGo: () => void = () => undefined;
  private cancelTimer: CancelTimer = () => undefined;
  private done = false;

  constructor(
    private readonly client: Wire,
    private readonly options: RelayOptions,
  ) {
    const answerHead = (head: ResponseHead): Draft => draftResponse(head, { clientVersion: options.head.version, keepAlive: false });
    this.answer = new Answer(options.head, client, { answerHead });
    this.body = bodyScanner(options.head.framing);
  }

  /** The client's wire is paused until an engine is connected. */
  async start(): Promise<void> {
    this.client.pause();
    this.client.handlers = this.clientSide;
    const { book, pool } = this.options;
    let why = "none of them is ready";
    for (const seat of book.seats(pool)) {
      if (this.done) return;
      this.letGo = book.hold(seat);
      try {
        this.engine = await this.options.dial({ host: seat.host, port: seat.port, timeoutMs: DIAL_TIMEOUT_MS }, this.engineSide);
        return this.begin(this.engine, seat);
      } catch (error) {
        why = `${seat.authority} does not answer (${errnoOf(error) ?? "unknown reason"})`;
        this.release();
      }
    }
    this.refuse(503, "POOL_UNREADY", `no engine of pool ${this.options.pool} can be reached on this node: ${why}`);
  }

  /** The node stops. */
  cut(): void {
    this.close(() => this.client.reset());
  }

  private begin(engine: Wire, seat: EngineSeat): void {
    if (this.done) return engine.reset();
    engine.write(headForEngine(this.options.head, seat, this.options.path));
    this.upload(this.options.rest);
    if (!this.done && engine.queued <= HIGH_WATER) this.client.resume();
  }

  private readonly clientSide: WireHandlers = {
    data: (bytes) => this.upload(bytes),
    drain: () => this.engine?.resume(),
    // Nobody half-closes who wants an answer: it has left.
    end: () => this.cut(),
    close: () => this.close(() => undefined),
  };

  private readonly engineSide: WireHandlers = {
    data: (bytes) => this.download(bytes),
    drain: () => this.client.resume(),
    end: () => this.engineEnded(),
    close: (error) => (error ? this.broken() : this.engineEnded()),
  };

  private upload(bytes: Buffer): void {
    const { engine } = this;
    if (this.done || !engine) return;
    const scan = this.body.scan(bytes);
    this.cancelTimer();
    // More than one request on this connection is never forwarded.
    if ("refused" in scan || (scan.done && scan.consumed < bytes.length)) return this.cut();
    if (!scan.done) this.cancelTimer = this.options.clock.after(UPLOAD_MS, () => this.cut());
    if (scan.consumed > 0 && engine.write(bytes.subarray(0, scan.consumed)) > HIGH_WATER) this.client.pause();
  }

  private download(bytes: Buffer): void {
    if (this.done) return;
    const step = this.answer.take(bytes);
    if (step === "done") return this.close(() => this.client.end());
    if (step !== "more") return this.broken();
    if (this.client.queued > HIGH_WATER) this.engine?.pause();
  }

  private engineEnded(): void {
    if (this.answer.untilClose) this.close(() => this.client.end());
    else this.broken();
  }

  /** What has begun must not look as if it were whole. */
  private broken(): void {
    if (this.answer.started) this.cut();
    else this.refuse(502, "WORKER_RESET", "the engine ended the connection without an answer");
  }

  private refuse(status: number, code: string, message: string): void {
    this.close(() => answerProblem(this.client, status, { code, message }));
  }

  private close(say: () => void): void {
    if (this.done) return;
    this.done = true;
    this.release();
    this.cancelTimer();
    this.engine?.reset();
    this.client.handlers = { data() {}, drain() {}, end() {}, close: () => this.left() };
    if (this.client.closed) return this.options.over();
    this.cancelTimer = this.options.clock.after(LINGER_MS, () => this.client.reset());
    say();
    // A client that was told to stop until an engine was there must be heard to close.
    this.client.resume();
  }

  private left(): void {
    this.cancelTimer();
    this.options.over();
  }

  private release(): void {
    this.letGo();
    this.letGo = () => undefined;
  }
}
