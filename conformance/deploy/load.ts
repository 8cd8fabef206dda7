import { type Bench, identityOf } from "./bench.ts";
import type { Connection } from "./connection.ts";
import { sleep } from "./timing.ts";

const PAUSE_MS = 2;
const SHOWN_FAILURES = 3;

/** Clients that never stop asking: some on one connection each, some with a new one for every request. */
export class Load {
  requests = 0;
  /** Kept connections that the other side closed between two requests: allowed, but worth knowing. */
  reopened = 0;
  readonly versions = new Set<string>();
  private readonly failures: string[] = [];
  private readonly clients: Promise<void>[];
  private running = true;

  constructor(
    private readonly bench: Bench,
    { keptAlive, fresh }: { keptAlive: number; fresh: number },
  ) {
    this.clients = [
      ...Array.from({ length: keptAlive }, () => this.client(true)),
      ...Array.from({ length: fresh }, () => this.client(false)),
    ];
  }

  get failed(): number {
    return this.failures.length;
  }

  /** The first few failures in words. */
  get trouble(): string {
    return `${this.failed} of ${this.requests} requests failed: ${this.failures.slice(0, SHOWN_FAILURES).join("; ")}`;
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.clients);
  }

  private async client(keepAlive: boolean): Promise<void> {
    let connection: Connection | undefined;
    for (; this.running; await sleep(PAUSE_MS)) {
      // A server may close a connection on which nothing is under way.
      if (keepAlive && connection?.closed) this.reopened++;
      if (!connection || connection.closed) connection = this.bench.connection();
      await this.ask(connection);
      if (!keepAlive) connection.close();
    }
    connection?.close();
  }

  private async ask(connection: Connection): Promise<void> {
    this.requests++;
    try {
      const reply = await connection.get("/");
      if (reply.status !== 200) throw new Error(`status ${reply.status} ${reply.body.slice(0, 100).trim()}`);
      this.versions.add(identityOf(reply).version);
    } catch (error) {
      this.failures.push(error instanceof Error ? error.message : String(error));
      connection.close();
    }
  }
}
