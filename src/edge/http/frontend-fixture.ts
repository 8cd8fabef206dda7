import { type Clock, systemClock } from "../../kernel/clock.ts";
import { HttpFrontend } from "../http-frontend.ts";
import { FrontCounter, type FrontStats } from "../metrics-counters.ts";
import { Pool } from "../pool.ts";
import { DEFAULT_TIMEOUTS, type Front, type Target } from "../route.ts";
import { dial, listenPlain, type WireListener } from "../sockets.ts";
import type { Dial } from "../wire.ts";
import { connectRaw, type Peer, RawTarget } from "./peer-fixture.ts";
import type { AccessRecord } from "./service.ts";

export interface EdgeOptions {
  readonly clock?: Clock;
  readonly dial?: Dial;
  readonly front?: Partial<Front>;
  readonly trustedProxies?: readonly string[];
  /** How many raw targets to begin with: 1. */
  readonly targets?: number;
}

const TURNS = 200;

interface Parts {
  readonly frontend: HttpFrontend;
  readonly pool: Pool;
  readonly listener: WireListener;
  readonly counter: FrontCounter;
  readonly targets: RawTarget[];
  readonly trustedProxies: readonly string[];
}

/** A frontend with one front on a port of its own, raw targets behind it, and raw clients; for tests. */
export class EdgeFixture implements Disposable {
  readonly records: AccessRecord[] = [];
  readonly frontend: HttpFrontend;
  readonly pool: Pool;
  readonly targets: RawTarget[];
  private readonly clients: Peer[] = [];

  private constructor(
    private readonly parts: Parts,
    private front: Front,
  ) {
    this.frontend = parts.frontend;
    this.pool = parts.pool;
    this.targets = parts.targets;
    this.put({});
  }

  static async start(options: EdgeOptions = {}): Promise<EdgeFixture> {
    const { clock = systemClock(), targets: count = 1, trustedProxies = [] } = options;
    const targets = await Promise.all(Array.from({ length: count }, (_, n) => RawTarget.listen(`t${n + 1}`)));
    const front: Front = {
      id: "pool",
      listen: { address: "127.0.0.1", port: 0, protocol: "http" },
      balance: "round-robin",
      targets: targets.map(active),
      holdTimeoutMs: 5_000,
      timeouts: DEFAULT_TIMEOUTS,
      ...options.front,
    };
    const pool = new Pool(front, clock, { drainChanged() {} });
    const frontend = new HttpFrontend({ clock, dial: options.dial ?? dial });
    const listener = listenPlain({ address: "127.0.0.1", port: 0, onWire: (wire) => frontend.accept(wire) });
    return new EdgeFixture(
      { frontend, pool, listener, counter: new FrontCounter("l", "pool", { now: 1 }), targets, trustedProxies },
      front,
    );
  }

  get port(): number {
    return this.parts.listener.port;
  }

  get stats(): FrontStats {
    return this.parts.counter.stats();
  }

  /** The first target. */
  get target(): RawTarget {
    const [first] = this.targets;
    if (!first) throw new Error("there is no target");
    return first;
  }

  /** A new table. */
  put(change: Partial<Front>): void {
    this.front = { ...this.front, ...change };
    this.pool.update(this.front);
    const site = { front: this.front, pool: this.pool, meter: this.parts.counter };
    this.frontend.update({ sites: [site], trustedProxies: this.parts.trustedProxies, log: (record) => void this.records.push(record) });
  }

  connect(): Peer {
    const peer = connectRaw(this.port);
    this.clients.push(peer);
    return peer;
  }

  /** A new connection with this request on it; lines are joined with CRLF. */
  ask(...lines: string[]): Peer {
    const peer = this.connect();
    peer.write(request(...lines));
    return peer;
  }

  /** Time for the edge to read all that it would read, when it answers for some hosts only: each event brings it up to 512 KiB. */
  async otherRequests(): Promise<void> {
    const client = this.connect();
    for (let n = 0; n < TURNS; n++) {
      client.text = "";
      client.write("GET / HTTP/1.1\r\nHost: unknown\r\n\r\n");
      await client.until("request_id");
    }
  }

  /** Requests with their answers on a connection of their own: what was written before them has been read by then. */
  async roundTrips(): Promise<void> {
    const client = this.ask();
    const target = await this.target.next();
    for (const word of ["first", "second"]) {
      if (word !== "first") client.write(request());
      await target.until("GET / ");
      target.text = "";
      target.write(answer(word));
      await client.until(word);
    }
  }

  [Symbol.dispose](): void {
    this.pool.cutAll();
    this.frontend.cutAll();
    this.parts.listener.stop();
    for (const { socket } of this.clients) socket.destroy();
    for (const target of this.targets) target.close();
  }
}

export function active({ id, port }: { id: string; port: number }): Target {
  return { id, host: "127.0.0.1", port, weight: 1, state: "active" };
}

/** `GET /` with a Host when no line is given. */
export function request(start = "GET / HTTP/1.1", ...lines: string[]): string {
  return `${[start, "Host: a.example", ...lines].join("\r\n")}\r\n\r\n`;
}

export function answer(body: string, ...lines: string[]): string {
  return `${["HTTP/1.1 200 OK", `Content-Length: ${body.length}`, ...lines].join("\r\n")}\r\n\r\n${body}`;
}
