import { EventSourceParserStream } from "eventsource-parser/stream";
import { until } from "../until.ts";

type Fields = Record<string, unknown>;

export interface Frame {
  readonly event: string;
  readonly id?: string;
  readonly data: Fields;
}

/** A stream of events while it is read. */
export class Stream {
  readonly frames: Frame[] = [];
  /** When the server has closed it, or it broke. */
  readonly over: Promise<void>;

  constructor(
    readonly response: Response,
    private readonly gone: AbortController,
    private readonly check: (frame: Frame) => void,
  ) {
    this.over = this.read();
  }

  /** The first frame that is as wanted, of those there are and those to come. */
  when(wanted: (frame: Frame) => boolean): Promise<Frame> {
    return until("a frame", () => this.frames.find(wanted), 10_000);
  }

  /** Those with an id. */
  get numbered(): readonly (Frame & { id: string })[] {
    return this.frames.filter((frame): frame is Frame & { id: string } => frame.id !== undefined);
  }

  close(): void {
    this.gone.abort();
  }

  private async read(): Promise<void> {
    if (!this.response.body || this.response.status !== 200) return;
    try {
      const messages = this.response.body.pipeThrough(new TextDecoderStream() as never).pipeThrough(new EventSourceParserStream());
      for await (const { event = "message", id, data } of messages as unknown as AsyncIterable<{
        event?: string;
        id?: string;
        data: string;
      }>) {
        const frame = { event, ...(id !== undefined && { id }), data: JSON.parse(data) as Fields };
        this.frames.push(frame);
        if ("runId" in frame.data && !("topic" in frame.data)) this.check(frame);
      }
    } catch (error) {
      if (!this.gone.signal.aborted && !/closed|reset/i.test(String(error))) throw error;
    }
  }
}
