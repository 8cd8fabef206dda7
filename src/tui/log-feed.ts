import type { Client } from "../client/client.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { LogRecord } from "../supervise/logs/record.ts";
import { MAX_ROWS } from "./log-pane.ts";
import { isAway } from "./view-feed.ts";

export interface LogFeedPorts {
  readonly client: Client;
  readonly stack: string;
  /** Only from then on, epoch ms. */
  readonly sinceMs?: number;
  /** `fresh`: the first of another stream than those before. */
  readonly onRecords: (records: readonly LogRecord[], fresh: boolean) => void;
  readonly onError: (error: unknown) => void;
}

/** What there is before the stream follows. */
const TAIL = 1000;
const BATCH_MS = 50;
/** Keys, frames and the daemon's other answers get their turn after so many records. */
const TURN = 256;
/** Not faster than 25,000 lines a second: nobody reads them. */
const TURN_MS = 10;
/** Who reads this far behind what comes jumps to its end. */
const MOST_LAG_MS = 2000;
const AGAIN_MS = 500;

interface Reading {
  readonly service: string | undefined;
  readonly signal: AbortSignal;
  /** By service, the last that was read. */
  readonly after: Record<string, number>;
}

/** The log of the stack, or of one service, in batches; `focus` changes which. */
export class LogFeed {
  private stream = new AbortController();
  private pending: LogRecord[] = [];
  private fresh = true;
  private timer: Timer | undefined;

  constructor(private readonly ports: LogFeedPorts) {}

  focus(service: string | undefined): void {
    this.stop();
    this.stream = new AbortController();
    this.fresh = true;
    void this.follow(service, this.stream.signal).catch(this.ports.onError);
  }

  stop(): void {
    this.stream.abort();
    this.pending = [];
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** A stream that has ended is opened again behind its last records. */
  private async follow(service: string | undefined, signal: AbortSignal): Promise<void> {
    const after: Record<string, number> = {};
    while (!signal.aborted) {
      try {
        if ((await this.read({ service, signal, after })) === "behind") continue;
      } catch (error) {
        const passes = isAway(error) || (error instanceof OrcoError && error.code === "not_found");
        if (!passes && !signal.aborted) throw error;
      }
      if (!signal.aborted) await Bun.sleep(AGAIN_MS);
    }
  }

  private async read({ service, signal, after }: Reading): Promise<"behind" | "over"> {
    const { client, stack, sinceMs } = this.ports;
    const query = { tail: TAIL, follow: true, after: { ...after }, ...(sinceMs !== undefined && { sinceMs }) };
    let turnAt = performance.now();
    let count = 0;
    for await (const record of client.logs(stack, { query, signal, ...(service !== undefined && { services: [service] }) })) {
      if (signal.aborted) return "over";
      if (record.seq > 0) after[record.service] = record.seq;
      this.add(record);
      if (++count % TURN !== 0) continue;
      if (count > TAIL + TURN && Date.now() - Date.parse(record.timestamp) > MOST_LAG_MS) {
        this.add(skipped(record));
        return "behind";
      }
      await Bun.sleep(Math.max(0, turnAt + TURN_MS - performance.now()));
      turnAt = performance.now();
    }
    return "over";
  }

  private add(record: LogRecord): void {
    this.pending.push(record);
    if (this.pending.length > 2 * MAX_ROWS) this.pending = this.pending.slice(-MAX_ROWS);
    this.timer ??= setTimeout(() => this.flush(), BATCH_MS);
  }

  private flush(): void {
    const { pending, fresh } = this;
    this.timer = undefined;
    this.pending = [];
    this.fresh = false;
    this.ports.onRecords(pending, fresh);
  }
}

function skipped({ service, replica, timestamp }: LogRecord): LogRecord {
  const message = "lines are skipped: they come faster than they can be shown";
  return { timestamp, service, replica, level: "warn", source: "orco", message, seq: 0 };
}
