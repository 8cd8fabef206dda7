import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import type { Ask } from "./ask.ts";
import type { Connection } from "./connection.ts";
import type { Fault } from "./fault.ts";
import type { Output } from "./output.ts";
import type { Pump } from "./pump.ts";
import type { MockSettings } from "./settings.ts";
import type { FinishReason } from "./shape.ts";
import { StopWords } from "./stop-words.ts";
import type { Words } from "./words.ts";
import { breakAt, type Broken } from "./break.ts";

/** So that the two halves are read apart. */
const SPLIT_MS = 5;

interface Parts {
  readonly ask: Ask;
  readonly words: Words;
  readonly fault: Fault;
  readonly output: Output;
  readonly connection: Connection;
  readonly settings: Pick<MockSettings, "tokensPerS" | "firstTokenMs" | "burst">;
  readonly clock: Clock;
  readonly pump: Pump;
  readonly onToken: () => void;
  /** The answer is written whole, or has broken off for good. */
  readonly onEnd: () => void;
}

/** One answer under way in its slot. */
export class Answer {
  private tokens = 0;
  private startedAt = 0;
  private cancelTimer: CancelTimer | undefined;
  private readonly stops: StopWords;
  private readonly step = (): boolean => this.emit(this.parts.settings.burst);

  constructor(private readonly parts: Parts) {
    this.stops = new StopWords(parts.ask.stops);
  }

  start(): void {
    const { fault } = this.parts;
    if (fault.slow_accept !== undefined) this.after(fault.slow_accept, () => this.open());
    else this.open();
  }

  /** Says nothing more. */
  stop(): void {
    this.cancelTimer?.();
    this.parts.pump.remove(this.step);
  }

  private open(): void {
    const { fault, connection, settings, output } = this.parts;
    if (fault.hang === -1) return;
    if (fault.reset === -1) {
      this.parts.onEnd();
      connection.reset();
      return;
    }
    output.open();
    this.after(settings.firstTokenMs + (fault.latency_ms ?? 0), () => this.begin());
  }

  private begin(): void {
    const { clock, pump, settings } = this.parts;
    if (settings.tokensPerS === 0) {
      pump.add(this.step);
      return;
    }
    this.startedAt = clock.monotonic() - (this.tokens * 1000) / settings.tokensPerS;
    this.paced();
  }

  /** What is due by now, then a timer for the next token: a late timer does not make the stream slower. */
  private paced(): void {
    const { clock, settings } = this.parts;
    const msPerToken = 1000 / settings.tokensPerS;
    const due = Math.floor((clock.monotonic() - this.startedAt) / msPerToken) + 1;
    if (!this.emit(Math.max(1, due - this.tokens))) return;
    this.after(this.startedAt + this.tokens * msPerToken - clock.monotonic(), () => this.paced());
  }

  /** False: no more, or not now. */
  private emit(count: number): boolean {
    const { output, connection } = this.parts;
    for (let n = 0; n < count; n++) if (!this.one()) return false;
    output.flush();
    if (!connection.full) return true;
    connection.whenDrained(() => this.begin());
    return false;
  }

  private one(): boolean {
    const { ask, words, fault, output, onToken } = this.parts;
    if (ask.tool !== undefined) return this.end("tool_calls");
    const broken = breakAt(this.tokens, fault, this.parts);
    if (broken !== undefined) return this.breakOff(broken);
    const word = this.tokens >= ask.maxTokens && fault.never_end === undefined ? undefined : words();
    if (word === undefined) return this.end(this.tokens >= ask.maxTokens ? "length" : "stop");
    this.tokens++;
    onToken();
    const { text, stopped } = this.stops.push(word);
    if (text !== "") output.token(text);
    return stopped ? this.end("stop") : true;
  }

  private breakOff(broken: NonNullable<Broken>): false {
    if (broken === "over") this.parts.onEnd();
    if (typeof broken === "string") return false;
    this.tokens++;
    this.cancelTimer = this.parts.clock.after(SPLIT_MS, () => {
      this.parts.connection.write(broken.rest);
      this.begin();
    });
    return false;
  }

  private end(reason: FinishReason): false {
    const { output, fault, connection, onEnd } = this.parts;
    const rest = this.stops.rest();
    if (rest !== "") output.token(rest);
    output.finish({ reason, tokens: this.tokens });
    onEnd();
    if (fault.close === undefined) connection.next();
    else connection.end();
    return false;
  }

  /** At once, where there is nothing to wait for. */
  private after(ms: number, then: () => void): void {
    if (ms <= 0) then();
    else this.cancelTimer = this.parts.clock.after(ms, then);
  }
}
