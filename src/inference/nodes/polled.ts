import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { messageOf } from "../../kernel/errors.ts";
import { plainLine } from "../../kernel/plain-text.ts";
import type { PoolWork } from "../pools/pool.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import { ask } from "./ask.ts";
import { factsOf } from "./facts.ts";
import type { HeartbeatPool, ManagerView } from "./node.ts";
import type { PoolReports } from "./nodes.ts";
import { readEntries } from "./wire.ts";

/** inference.md, "Nodes". */
const EVERY_MS = 5_000;
/** Below `EVERY_MS`: one poll is over before the next begins. */
const TIMEOUT_MS = 4_000;
const MAX_BYTES = 4 * 1024 * 1024;
/** In a row, after which nothing of it is ready. */
const MISSES = 2;
const MAX_ERROR_CHARS = 300;

export interface ManagersOptions {
  readonly clock: Clock;
  readonly client: UpstreamClient;
  /** ORCHD_POOL_MANAGERS. */
  readonly urls: readonly string[];
  /** Sent to each of them: whoever configured them trusts them. */
  readonly apiKey?: string | undefined;
  readonly pools: PoolReports;
  readonly load: PoolWork["load"];
}

/** The pool managers of the configuration, polled for what pools they have. */
export class Managers {
  private readonly polled: readonly Polled[];

  constructor(options: ManagersOptions) {
    this.polled = [...new Set(options.urls)].map((url) => new Polled(url, options));
  }

  start(): void {
    for (const one of this.polled) one.start();
  }

  list(): ManagerView[] {
    return this.polled.map((one) => one.view);
  }

  close(): void {
    for (const one of this.polled) one.close();
  }
}

class Polled {
  private pools: readonly HeartbeatPool[] = [];
  private misses = 0;
  private answered = false;
  private lastError: string | undefined;
  private closed = false;
  private cancelTimer: CancelTimer = () => undefined;

  constructor(
    private readonly url: string,
    private readonly options: ManagersOptions,
  ) {}

  get view(): ManagerView {
    const online = this.answered && this.misses < MISSES;
    return { url: labelOf(this.url), status: online ? "Online" : "Offline", pools: this.pools.length, last_error: this.lastError ?? null };
  }

  start(): void {
    if (this.closed) return;
    this.cancelTimer = this.options.clock.after(EVERY_MS, () => this.start());
    void this.poll();
  }

  close(): void {
    this.closed = true;
    this.cancelTimer();
  }

  /** Never rejects. */
  private async poll(): Promise<void> {
    try {
      const [, text] = await Promise.all([this.ask("/health"), this.ask("/v2/pools")]);
      if (this.closed) return;
      const { entries, trouble } = readEntries(text);
      this.misses = 0;
      this.answered = true;
      this.pools = entries;
      this.lastError = trouble;
      this.report(undefined);
    } catch (error) {
      if (!this.closed) this.missed(plainLine(messageOf(error), MAX_ERROR_CHARS));
    }
  }

  private missed(why: string): void {
    this.misses += 1;
    this.lastError = why;
    if (this.misses === MISSES) this.report(`pool manager ${labelOf(this.url)} does not answer: ${why}`);
  }

  private report(lost: string | undefined): void {
    const { pools, load } = this.options;
    const id = labelOf(this.url).replace(/^https?:\/\//, "");
    const inFlight = (pool: string): number => load(pool).inFlight.get(id) ?? 0;
    pools.replace(
      "manager",
      id,
      factsOf(this.pools, { source: "manager", id, vramTotalBytes: 0, inFlight, ...(lost !== undefined && { lost }) }),
    );
  }

  private ask(path: string): Promise<string> {
    const { client, clock, apiKey } = this.options;
    return ask(client, { url: this.url, path, apiKey }, { clock, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES });
  }
}

/** Without a password that the URL may hold. */
function labelOf(url: string): string {
  const parsed = URL.parse(url);
  return parsed ? parsed.origin + parsed.pathname.replace(/\/+$/, "") : url;
}
