import { type Family, Histogram, Series } from "./metrics.ts";

const LATENCY_BOUNDS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** What this layer counts about itself. `collect` brings in what the daemon knows. */
export class HttpMetrics {
  private readonly latency = new Histogram(
    { name: "http_request_duration_seconds", help: "Time to the answer, by route template; streams are counted apart." },
    LATENCY_BOUNDS_S,
  );
  private readonly requests = new Series({ name: "http_requests_total", help: "Requests answered.", type: "counter" });
  private readonly connections = new Series({ name: "orco_sse_connections", help: "Open streams.", type: "gauge" });
  private readonly disconnects = new Series({ name: "orco_sse_disconnects_total", help: "Ended streams, by reason.", type: "counter" });

  constructor(
    private readonly version: string,
    private readonly collect: () => Iterable<Family> | Promise<Iterable<Family>> = () => [],
  ) {
    this.connections.set({}, 0);
  }

  request(labels: { method: string; route: string; status_code: string }, durationMs: number): void {
    this.requests.add(labels);
    this.latency.observe(labels, durationMs / 1000);
  }

  streamOpened(): void {
    this.connections.add({}, 1);
  }

  streamClosed(reason: string): void {
    this.connections.add({}, -1);
    this.disconnects.add({ reason });
  }

  async families(): Promise<Family[]> {
    const info = { labels: { version: this.version, runtime: `bun ${Bun.version}` }, value: 1 };
    return [
      { name: "orco_build_info", help: "Version of this daemon.", type: "gauge", samples: [info] },
      this.requests.family(),
      this.latency.family(),
      this.connections.family(),
      this.disconnects.family(),
      ...(await this.collect()),
    ];
  }
}
