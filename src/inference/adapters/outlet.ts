import type { EngineSink } from "./adapter.ts";
import type { Reading } from "./reading.ts";
import { TextJoiner, textOf } from "./text-joiner.ts";
import type { TokenTemplate } from "./token-template.ts";

/** Of one call of `frames`: after that it is asked whether the stream is paused. */
const TOKENS_PER_CALL = 256;

/** A frame among bytes that nobody changes any more. */
export interface FrameBytes {
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
}

/** Where frames go that are none of an error. */
export interface Outlet {
  /** One that was read in full. */
  read(frame: FrameBytes, reading: Reading): void;
  /** One that the template has matched. */
  matched(frame: FrameBytes, template: TokenTemplate): void;
  /** What was held together goes now: the bytes at hand are at their end, or the stream is paused. */
  flush(): void;
  /** The answer is at its end. */
  finish(): void;
}

/** `/v1`: frames as the engine sent them, many at once. */
export class FrameOutlet implements Outlet {
  private bytes: Buffer | undefined;
  private from = 0;
  private to = 0;
  private tokens = 0;

  constructor(
    private readonly sink: EngineSink,
    /** The client asked for usage itself. */
    private readonly withUsage: boolean,
  ) {}

  read(frame: FrameBytes, reading: Reading): void {
    if (reading.usageOnly && !this.withUsage) return;
    this.add(frame.bytes, frame.from, frame.to);
    if (reading.text !== "" || reading.aside) this.count();
  }

  matched({ bytes, from, to }: FrameBytes, { textFrom, textTo }: TokenTemplate): void {
    this.add(bytes, from, to);
    if (textTo > textFrom) this.count();
  }

  flush(): void {
    const { bytes, from, to, tokens } = this;
    if (!bytes) return;
    this.bytes = undefined;
    this.tokens = 0;
    this.sink.frames(bytes.subarray(from, to), tokens);
  }

  finish(): void {
    this.flush();
  }

  private count(): void {
    this.tokens += 1;
    if (this.tokens >= TOKENS_PER_CALL) this.flush();
  }

  private add(bytes: Buffer, from: number, to: number): void {
    if (this.bytes !== bytes || this.to !== from) {
      this.flush();
      this.bytes = bytes;
      this.from = from;
    }
    this.to = to;
  }
}

/** `/v2`: the text of each token. */
export class TokenOutlet implements Outlet {
  private readonly joiner = new TextJoiner();

  constructor(private readonly sink: EngineSink) {}

  read(_: FrameBytes, { text, aside }: Reading): void {
    if (text !== "") this.tell(this.joiner.join(text));
    else if (aside) this.sink.alive?.();
  }

  matched({ bytes }: FrameBytes, template: TokenTemplate): void {
    const { textFrom, textTo } = template;
    if (textTo === textFrom) return;
    if (template.aside) return this.sink.alive?.();
    const raw = textOf(bytes, textFrom, textTo);
    this.tell(this.joiner.join(template.escaped ? (JSON.parse(`"${raw}"`) as string) : raw));
  }

  flush(): void {}

  finish(): void {
    this.tell(this.joiner.rest());
  }

  private tell(text: string): void {
    if (text !== "") this.sink.token(text);
  }
}
