import type { StatsD } from "hot-shots";
import type { MeteredRun, RepairMeter, StepOutcome } from "./meter.ts";
import type { RepairStatus, StepName } from "./record.ts";

/** What is told before the client is there. */
const MAX_WAITING = 1000;
const MAX_NAME_CHARS = 100;

export interface StatsdOptions {
  readonly host: string;
  /** UDP. */
  readonly port: number;
  /** In front of every name, with a dot between. */
  readonly prefix: string;
  /** Once, when something cannot be sent; metrics are lost then, and nothing else. */
  readonly onError: (error: unknown) => void;
}

/** What happens to repairs, as StatsD counters and timings over UDP: names as in repair.md, "StatsD". Nobody has to listen. */
export class StatsdMeter implements RepairMeter {
  private waiting: ((client: StatsD) => void)[] = [];
  private client: StatsD | undefined;
  private told = false;
  private closed = false;
  private readonly loading: Promise<void>;

  constructor(private readonly options: StatsdOptions) {
    this.loading = this.load().catch((error: unknown) => this.failed(error));
  }

  status({ service }: MeteredRun, status: RepairStatus, durationMs?: number): void {
    if (status === "queued") {
      this.count("runs.queued");
      this.count(`runs.queued.service.${namePart(service)}`);
    }
    this.count(`runs.status.${status}`);
    if (durationMs !== undefined) this.time(`runs.duration.${status}`, durationMs);
  }

  step(name: StepName, outcome: StepOutcome, durationMs?: number): void {
    this.count(`steps.${name}.${outcome}`);
    if (durationMs !== undefined) this.time(`steps.${name}.duration`, durationMs);
  }

  /** Resolves when what was told is with the network. */
  async close(): Promise<void> {
    await this.loading;
    this.closed = true;
    const { client } = this;
    if (client) await new Promise<void>((resolve) => client.close(() => resolve()));
  }

  private count(name: string): void {
    this.send((client) => client.increment(name));
  }

  private time(name: string, ms: number): void {
    this.send((client) => client.timing(name, Math.max(0, Math.round(ms))));
  }

  private send(tell: (client: StatsD) => void): void {
    if (this.closed) return;
    if (!this.client) {
      if (this.waiting.length < MAX_WAITING) this.waiting.push(tell);
      return;
    }
    try {
      tell(this.client);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Most daemons tell nobody: the client is loaded where a host is set. */
  private async load(): Promise<void> {
    const { StatsD: Client } = await import("hot-shots");
    const { host, port, prefix } = this.options;
    this.client = new Client({
      host,
      port,
      prefix: `${prefix.replace(/\.+$/, "")}.`,
      protocol: "udp",
      cacheDns: true,
      maxBufferSize: 0,
      datadog: false,
      includeDataDogTags: false,
      errorHandler: (error) => this.failed(error),
    });
    const { waiting } = this;
    this.waiting = [];
    for (const tell of waiting) this.send(tell);
  }

  private failed(error: unknown): void {
    if (this.told) return;
    this.told = true;
    this.options.onError(error);
  }
}

/** One part of a dotted name: what StatsD gives a meaning to becomes `_`. */
function namePart(text: string): string {
  return text.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, MAX_NAME_CHARS) || "_";
}
