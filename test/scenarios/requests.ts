import { until } from "../until.ts";

/** One answered request: when it was sent and answered, monotonic ms. */
export interface Answer {
  readonly sentMs: number;
  readonly atMs: number;
  readonly version: string;
  readonly instance: string;
}

/** Requests to one address in a few connections, one after the other in each, until stopped. Anything but 200 with a body is a failure. */
export class Requests {
  readonly answers: Answer[] = [];
  readonly failures: string[] = [];
  private stopped = false;
  private underWay = 0;
  private resumed = Promise.resolve();
  private readonly clients: readonly Promise<void>[];

  constructor(
    private readonly url: string,
    { connections = 4 }: { connections?: number } = {},
  ) {
    this.clients = Array.from({ length: connections }, () => this.client());
  }

  /** No request is under way any more; what has failed is an error that shows it. */
  async stop(): Promise<readonly Answer[]> {
    this.stopped = true;
    await Promise.all(this.clients);
    if (this.failures.length > 0)
      throw new Error(`${this.failures.length} of ${this.answers.length} failed: ${this.failures.slice(0, 5).join("; ")}`);
    return this.answers;
  }

  /** Runs `act` while no request is in flight. */
  async between(act: () => void | Promise<unknown>): Promise<void> {
    const resume = Promise.withResolvers<void>();
    this.resumed = resume.promise;
    await until("no request to be in flight", () => this.underWay === 0);
    await act();
    resume.resolve();
  }

  /** Share of answers since a time that `wanted` holds for. */
  share(sinceMs: number, wanted: (answer: Answer) => boolean): number {
    const since = this.answers.filter(({ sentMs }) => sentMs >= sinceMs);
    return since.filter(wanted).length / since.length;
  }

  private async client(): Promise<void> {
    while (!this.stopped) {
      await this.resumed;
      const sentMs = performance.now();
      this.underWay++;
      try {
        const response = await fetch(this.url, { signal: AbortSignal.timeout(8000) });
        const [version = "", instance = ""] = (await response.text()).split(" ");
        if (response.status === 200 && version !== "") this.answers.push({ sentMs, atMs: performance.now(), version, instance });
        else this.failures.push(`status ${response.status} ${response.headers.get("x-orco-error") ?? ""}`);
      } catch (error) {
        this.failures.push(String(error));
      } finally {
        this.underWay--;
      }
      // A turn for the test itself, and for timers.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
