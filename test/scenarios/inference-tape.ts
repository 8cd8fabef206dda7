import { until } from "../until.ts";

export interface Frame {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Record<string, unknown>;
  /** Monotonic ms of the read that brought it. */
  readonly at: number;
}

/** What a task's stream said, as it is read. */
export class Tape {
  readonly frames: Frame[] = [];
  /** As it came, comments too. */
  raw = "";
  /** `ended`: the server closed it as a stream is closed; `broken`: the connection was cut. */
  readonly over: Promise<"ended" | "broken">;

  constructor(
    readonly response: Response,
    private readonly gone: AbortController,
  ) {
    this.over = this.read();
  }

  get events(): string[] {
    return this.frames.map(({ event }) => event);
  }

  /** Texts of the tokens, together. */
  get said(): string {
    return this.of("token")
      .map(({ data }) => data["t"])
      .join("");
  }

  get last(): Frame | undefined {
    return this.frames.at(-1);
  }

  of(event: string): Frame[] {
    return this.frames.filter((frame) => frame.event === event);
  }

  /** Numbers behind the dash of the ids. */
  get numbers(): number[] {
    return this.frames.flatMap(({ id }) => (id === undefined ? [] : [Number(id.split("-")[1])]));
  }

  /** The first frame as wanted, of those there are and those to come. */
  when(wanted: (frame: Frame) => boolean, ms = 10_000): Promise<Frame> {
    return until("a frame", () => this.frames.find(wanted), ms);
  }

  leave(): void {
    this.gone.abort();
  }

  private async read(): Promise<"ended" | "broken"> {
    const decoder = new TextDecoder();
    let rest = "";
    try {
      for await (const bytes of this.response.body ?? []) {
        const text = decoder.decode(bytes, { stream: true });
        this.raw += text;
        const blocks = (rest + text).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) this.add(block);
      }
      return rest === "" ? "ended" : "broken";
    } catch {
      return "broken";
    }
  }

  private add(block: string): void {
    const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
    const data = field("data");
    if (data === undefined) return;
    this.frames.push({ event: field("event") ?? "message", id: field("id"), data: JSON.parse(data), at: performance.now() });
  }
}
