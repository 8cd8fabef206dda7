import type { CancelTimer } from "../../kernel/clock.ts";
import { errnoOf } from "../../kernel/errors.ts";
import { EngineFault } from "../adapters/adapter.ts";
import { Dial, type DialPorts } from "./dial.ts";
import { type AnswerHandlers, AnswerReader, type Step } from "./exchange.ts";
import type { HeadMemory } from "./head-memory.ts";
import type { IdleLinks } from "./idle.ts";
import type { Link, LinkHandlers } from "./link.ts";
import type { UpstreamTarget } from "./target.ts";

/** After the logical end of a stream the end of its body is waited for this long, so that the connection can be used again. */
const LINGER_MS = 1000;
const NOBODY: AnswerHandlers = { head() {}, data() {}, end() {}, fail() {} };

export interface CallPorts extends DialPorts {
  readonly idle: IdleLinks;
}

export interface Prepared {
  readonly target: UpstreamTarget;
  readonly heads: HeadMemory;
  readonly method: "GET" | "POST";
  /** Head, or head and body. */
  readonly bytes: readonly Buffer[];
  /** The connection may serve another request afterwards. */
  readonly keep: boolean;
}

/** One request and its answer. */
export class Call implements LinkHandlers {
  private link: Link | undefined;
  private dialling: Dial | undefined;
  private reader: AnswerReader;
  private reused = false;
  private paused = false;
  private done = false;
  private cancelLinger: CancelTimer = () => undefined;

  constructor(
    private readonly request: Prepared,
    private readonly ports: CallPorts,
    private handlers: AnswerHandlers,
  ) {
    this.reader = this.newReader();
  }

  /** Nothing is told before it returns. */
  start(): void {
    const idle = this.ports.idle.take(this.request.target.label);
    this.reused = idle !== undefined;
    if (idle) this.begin(idle);
    else this.dial();
  }

  /** What one event already carried is not taken back. */
  pause(): void {
    this.paused = true;
    this.link?.pause();
  }

  resume(): void {
    this.paused = false;
    this.link?.resume();
  }

  /** The engine sees the end of the connection at once; nothing is told any more. */
  cancel(): void {
    if (this.done) return;
    this.settle();
    this.handlers = NOBODY;
    this.dialling?.cancel();
    this.link?.destroy();
  }

  /** The answer has said all it has to; nothing is told any more. The rest of its body is awaited a moment, so that the connection can be kept. */
  release(): void {
    if (this.done) return;
    this.handlers = NOBODY;
    this.resume();
    this.cancelLinger = this.ports.clock.after(LINGER_MS, () => this.cancel());
  }

  data(bytes: Buffer): void {
    this.after(this.reader.take(bytes));
  }

  end(): void {
    if (this.again()) return;
    this.after(this.reader.takeEnd());
  }

  lost(error: Error | undefined): void {
    if (this.again() || this.done) return;
    this.settle();
    const kind = this.reader.head ? "reset" : "connect";
    const where = this.reader.head ? "in the middle of its answer" : "before it answered";
    const { label } = this.request.target;
    this.handlers.fail(new EngineFault(kind, `the connection to the engine at ${label} broke ${where} (${errnoOf(error) ?? "closed"})`));
  }

  private dial(): void {
    this.dialling = new Dial(this.request.target, this.ports, {
      opened: (link) => this.begin(link),
      failed: (fault) => {
        this.settle();
        this.handlers.fail(fault);
      },
    });
    this.dialling.start();
  }

  private begin(link: Link): void {
    this.link = link;
    link.handlers = this;
    if (this.paused) link.pause();
    for (const bytes of this.request.bytes) link.write(bytes);
  }

  /** An engine may close an idle connection just as it is used: nothing was begun, so the request is sent once more. */
  private again(): boolean {
    if (!this.reused || !this.reader.untouched || this.done) return false;
    this.reused = false;
    this.link?.destroy();
    this.link = undefined;
    this.reader = this.newReader();
    this.dial();
    return true;
  }

  private after(step: Step): void {
    if (step === "more" || this.done) return;
    this.settle();
    const { link } = this;
    if (!link) return;
    const whole = step === "done" && this.reader.head?.keepAlive === true && link.sent;
    if (whole && this.request.keep && !this.paused) this.ports.idle.put(this.request.target.label, link);
    else link.destroy();
  }

  private newReader(): AnswerReader {
    const { method, target, heads } = this.request;
    return new AnswerReader(
      { method, label: target.label, heads },
      {
        head: (head) => this.handlers.head(head),
        data: (bytes) => this.handlers.data(bytes),
        end: () => this.handlers.end(),
        fail: (fault) => this.handlers.fail(fault),
      },
    );
  }

  private settle(): void {
    this.done = true;
    this.cancelLinger();
  }
}
