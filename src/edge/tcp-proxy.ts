import type { Clock } from "../kernel/clock.ts";
import { errnoOf } from "../kernel/errors.ts";
import type { FrontCounter } from "./metrics-counters.ts";
import type { HeldClaim } from "./pool/hold.ts";
import type { Lease } from "./pool/lease.ts";
import type { Pool } from "./pool.ts";
import { Splice } from "./splice.ts";
import { type Dial, HIGH_WATER, type Wire, type WireHandlers } from "./wire.ts";

export interface TcpProxyOptions {
  readonly pool: Pool;
  readonly dial: Dial;
  readonly clock: Clock;
  readonly counter: Pick<FrontCounter, "addConnection" | "addHeld" | "addInFlight" | "retried" | "finished">;
}

/** What a connection that carried no HTTP is counted as. */
const NO_CODE = 0;

/** Connections of a `tcp` front: each gets a target and is spliced to it. Who gets none is reset. */
export class TcpProxy {
  private readonly connections = new Set<TcpConnection>();

  constructor(
    readonly options: TcpProxyOptions,
    /** Of dials; may be changed at any time. */
    public connectMs: number,
  ) {}

  get size(): number {
    return this.connections.size;
  }

  accept(client: Wire): void {
    const connection = new TcpConnection(client, this);
    this.connections.add(connection);
    connection.start();
  }

  over(connection: TcpConnection): void {
    this.connections.delete(connection);
  }

  cutAll(): void {
    for (const connection of Array.from(this.connections)) connection.cut();
  }
}

/** What a wire says before there is a splice. Pausing it instead would cost six calls of the kernel. */
class Early implements WireHandlers {
  bytes: Buffer | undefined;
  ended = false;

  data(bytes: Buffer): void {
    this.bytes = this.bytes ? Buffer.concat([this.bytes, bytes]) : Buffer.from(bytes);
  }
  drain(): void {}
  end(): void {
    this.ended = true;
  }
  close(): void {}
}

/** A client on its way to a target, and its handlers until the splice takes over. */
class TcpConnection implements HeldClaim, WireHandlers {
  refused: Set<string> | undefined;
  private readonly early = new Early();
  private splice: Splice | undefined;
  private lease: Lease | undefined;
  private leaveQueue: (() => void) | undefined;
  private readonly since: number;

  constructor(
    private readonly client: Wire,
    private readonly proxy: TcpProxy,
  ) {
    this.since = proxy.options.clock.monotonic();
  }

  start(): void {
    this.client.handlers = this;
    this.proxy.options.counter.addConnection(1);
    this.proceed();
  }

  cut(): void {
    if (this.splice) this.splice.cut();
    else this.client.reset();
  }

  admit(lease: Lease): void {
    this.unqueue();
    this.connect(lease);
  }

  giveUp(): void {
    this.client.reset();
  }

  data(bytes: Buffer): void {
    this.early.data(bytes);
    if ((this.early.bytes?.length ?? 0) > HIGH_WATER) this.client.pause();
  }

  drain(): void {}

  end(): void {
    this.early.end();
  }

  close(): void {
    if (this.leaveQueue) this.leaveQueue();
    this.unqueue();
    this.release();
    this.over();
  }

  private proceed(): void {
    const { pool, counter } = this.proxy.options;
    const lease = pool.acquire(this);
    if (lease) return this.connect(lease);
    // Every one there is has refused: another one may come, but this client has waited for them already.
    if (this.refused) return this.client.reset();
    this.leaveQueue = pool.hold(this);
    if (this.leaveQueue) counter.addHeld(1);
    else this.client.reset();
  }

  private connect(lease: Lease): void {
    const { dial, counter } = this.proxy.options;
    this.lease = lease;
    counter.addInFlight(1);
    const { host, port } = lease.target;
    const early = new Early();
    dial({ host, port, timeoutMs: this.proxy.connectMs }, early).then(
      (target) => this.join(target, early),
      (error: unknown) => this.failed(error),
    );
  }

  private join(target: Wire, answer: Early): void {
    const { client, early } = this;
    if (client.closed) return target.reset();
    const { clock } = this.proxy.options;
    this.splice = new Splice({ client, target, clock, targetClosed: () => this.release(), closed: () => this.over() });
    this.splice.start(early.bytes, answer.bytes);
    if (early.ended) target.end();
    if (answer.ended) client.end();
  }

  private failed(error: unknown): void {
    const { lease, client } = this;
    this.release();
    if (client.closed) return;
    if (!lease || errnoOf(error) !== "ECONNREFUSED") return client.reset();
    this.refused = (this.refused ?? new Set()).add(lease.target.id);
    this.proxy.options.counter.retried();
    this.proceed();
  }

  private unqueue(): void {
    if (this.leaveQueue) this.proxy.options.counter.addHeld(-1);
    this.leaveQueue = undefined;
  }

  private release(): void {
    if (this.lease) this.proxy.options.counter.addInFlight(-1);
    this.lease?.release();
    this.lease = undefined;
  }

  private over(): void {
    const { clock, counter } = this.proxy.options;
    counter.addConnection(-1);
    counter.finished(NO_CODE, clock.monotonic() - this.since);
    this.proxy.over(this);
  }
}
