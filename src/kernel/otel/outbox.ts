import type { CancelTimer, Clock } from "../clock.ts";
import { TraceExporter } from "./export.ts";
import type { SpanData } from "./span.ts";

/** Spans that wait at most, while a collector is slow or away; later ones are dropped. */
const MAX_WAITING = 4096;
const BATCH = 512;
const FLUSH_MS = 1000;
/** How long a collector that does not answer holds up the end of the daemon. */
const LEAVE_MS = 1000;

export interface OutboxOptions {
  readonly clock: Clock;
  /** OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  readonly scope: string;
  readonly onError: (error: unknown) => void;
}

/** Sends spans once a second. What a collector does not take in some seconds is lost: it is told once, until it takes some again. */
export class SpanOutbox {
  private waiting: SpanData[] = [];
  private dropped = 0;
  private hasFailed = false;
  private closed = false;
  private cancelFlush: CancelTimer | undefined;
  private sending: Promise<void> | undefined;
  private exporter: Promise<TraceExporter> | undefined;

  constructor(private readonly options: OutboxOptions) {}

  /** Never throws, never waits. */
  put(spans: readonly SpanData[]): void {
    if (this.closed) return;
    const room = MAX_WAITING - this.waiting.length;
    this.waiting.push(...spans.slice(0, room));
    this.dropped += Math.max(0, spans.length - room);
    this.flushSoon();
  }

  /** Sends what is there, for a second at most. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.flush();
    const leaving = new AbortController();
    const bound = this.options.clock.sleep(LEAVE_MS, leaving.signal).catch(() => undefined);
    await Promise.race([this.finish(), bound]);
    leaving.abort();
  }

  private async finish(): Promise<void> {
    await this.sending;
    await (await this.exporter)?.shutdown().catch(this.options.onError);
  }

  private flushSoon(): void {
    if (this.sending || this.closed || this.waiting.length === 0) return;
    this.cancelFlush ??= this.options.clock.after(FLUSH_MS, () => this.flush());
  }

  private flush(): void {
    this.cancelFlush?.();
    this.cancelFlush = undefined;
    if (this.waiting.length === 0) return;
    this.sending ??= this.drain()
      .catch(this.options.onError)
      .finally(() => {
        this.sending = undefined;
        this.flushSoon();
      });
  }

  private async drain(): Promise<void> {
    const { endpoint, scope } = this.options;
    this.exporter ??= TraceExporter.load(endpoint, scope);
    const exporter = await this.exporter;
    while (this.waiting.length > 0) {
      const result = await exporter.export(this.waiting.splice(0, BATCH));
      if (!result.ok && !this.hasFailed) this.options.onError(result.error);
      this.hasFailed = !result.ok;
      this.tellDropped();
    }
  }

  private tellDropped(): void {
    if (this.dropped === 0) return;
    this.options.onError(new Error(`${this.dropped} spans were dropped: the collector takes them more slowly than they come`));
    this.dropped = 0;
  }
}
