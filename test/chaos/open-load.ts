/** What one request came to: when it was sent, how long it took, and which version answered. Monotonic ms. */
export interface Sample {
  readonly sentMs: number;
  readonly tookMs: number;
  readonly version: string;
}

const ANSWER_WITHIN_MS = 8000;
/** Of ten requests: one takes its time, three come on connections of their own. */
const SLOW_EVERY = 10;
const FRESH = new Set([1, 4, 7]);

/** Requests at a fixed rate, whether the ones before were answered or not: what waits is seen as waiting. */
export class OpenLoad {
  readonly samples: Sample[] = [];
  readonly failures: string[] = [];
  sent = 0;
  private readonly under = new Set<Promise<void>>();
  private readonly timer: Timer;
  private readonly startedMs = performance.now();

  constructor(
    private readonly url: string,
    private readonly perSecond: number,
  ) {
    this.timer = setInterval(() => this.catchUp(), 2);
  }

  /** Resolves when every request that was sent is answered or has failed. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.under);
  }

  private catchUp(): void {
    const due = ((performance.now() - this.startedMs) / 1000) * this.perSecond;
    while (this.sent < due) {
      const request = this.send(this.sent++).finally(() => this.under.delete(request));
      this.under.add(request);
    }
  }

  private async send(n: number): Promise<void> {
    const sentMs = performance.now();
    try {
      const response = await fetch(n % SLOW_EVERY === 0 ? `${this.url}slow?ms=150` : this.url, {
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        ...(FRESH.has(n % SLOW_EVERY) && { headers: { connection: "close" }, keepalive: false }),
      });
      const version = await response.text();
      if (response.status === 200) this.samples.push({ sentMs, tookMs: performance.now() - sentMs, version });
      else this.failures.push(`status ${response.status} ${response.headers.get("x-orco-error") ?? ""}`);
    } catch (error) {
      this.failures.push(String(error));
    }
  }
}
