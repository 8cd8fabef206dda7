import type { Clock } from "../kernel/clock.ts";
import { Client } from "./http/client.ts";
import { Deadlines } from "./http/deadlines.ts";
import { HostTable } from "./http/hosts.ts";
import { IdleUpstreams } from "./http/idle.ts";
import { type Failure, pageOf } from "./http/page.ts";
import { requestIds } from "./http/request-id.ts";
import type { AccessRecord, Meter, Service, Site } from "./http/service.ts";
import { strayRecord } from "./http/tally.ts";
import { trustOf } from "./http/trust.ts";
import { DEFAULT_TIMEOUTS } from "./route.ts";
import type { Dial, Wire } from "./wire.ts";

export interface HttpFrontendOptions {
  readonly clock: Clock;
  readonly dial: Dial;
  /** Counts what no front answers for: unknown hosts and what is no HTTP. */
  readonly stray?: Meter;
}

/** What a table says of one listener. Pools are shared with whoever counts what drains; the frontend only asks them. */
export interface HttpSettings {
  readonly sites: readonly Site[];
  /** As in `RouteTable`. */
  readonly trustedProxies: readonly string[];
  /** Absent: no records are made. */
  readonly log?: ((record: AccessRecord) => void) | undefined;
}

/**
 * The HTTP side of one listener: takes wires of clients and answers their requests from the targets of its fronts.
 * Life: `accept` and `update` at any time; `retire` when the worker leaves, then `connections` falls to 0; `cutAll` for what is left.
 * Draining is the pool's: a lease that is cut resets its request, or ends its WebSocket with 1001.
 */
export class HttpFrontend implements Service {
  readonly clock: Clock;
  readonly dial: Dial;
  readonly stray: Meter | undefined;
  readonly deadlines: Deadlines;
  readonly idle: IdleUpstreams;
  readonly requestId: () => string;
  sites = new HostTable<Site>([]);
  log: ((record: AccessRecord) => void) | undefined;
  retiring = false;
  clientMs = DEFAULT_TIMEOUTS.clientMs;
  trusts: (peer: string) => boolean = () => false;
  private readonly clients = new Set<Client>();

  constructor({ clock, dial, stray }: HttpFrontendOptions) {
    this.clock = clock;
    this.dial = dial;
    this.stray = stray;
    this.deadlines = new Deadlines(clock);
    this.idle = new IdleUpstreams(this.deadlines);
    this.requestId = requestIds(clock);
  }

  /** Of clients, idle ones and WebSockets included. */
  get connections(): number {
    return this.clients.size;
  }

  /** For requests from now on; those under way end as they began. Idle connections to targets that get nothing new are closed. */
  update({ sites, trustedProxies, log }: HttpSettings): void {
    this.sites = new HostTable(sites.map((site) => ({ hosts: site.front.hosts, value: site })));
    this.log = log;
    this.trusts = trustOf(trustedProxies);
    const limits = sites.map(({ front }) => front.timeouts.clientMs);
    this.clientMs = limits.length === 0 ? DEFAULT_TIMEOUTS.clientMs : limits.includes(0) ? 0 : Math.max(...limits);
    const targets = sites.flatMap(({ front }) => front.targets);
    this.idle.serve(targets.filter(({ state }) => state === "active").map(({ id }) => id));
  }

  /** Takes the wire over. */
  accept(wire: Wire): void {
    const client = new Client(wire, this);
    wire.handlers = client;
    this.clients.add(client);
  }

  /** Every connection ends after its next answer; one that is idle ends within a second. */
  retire(): void {
    this.retiring = true;
    for (const client of this.clients) client.retire();
  }

  /** Resets all connections of clients. WebSockets are told first when their pool cuts them: `Pool.cutAll` comes before this. */
  cutAll(): void {
    for (const client of Array.from(this.clients)) client.wire.reset();
    this.idle.clear();
  }

  clientGone(client: Client): void {
    this.clients.delete(client);
  }

  refused(wire: Wire, failure: Failure): void {
    const { status, code } = failure;
    const requestId = this.requestId();
    wire.write(pageOf(failure, { method: "GET", version: 1, accept: "", requestId, keepAlive: false }));
    this.stray?.finished(status, 0);
    this.log?.(strayRecord({ time: this.clock.now(), client: wire.remoteAddress, status, code, requestId }));
  }
}
