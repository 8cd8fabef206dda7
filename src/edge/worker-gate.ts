import type { Clock } from "../kernel/clock.ts";
import { HostTable } from "./http/hosts.ts";
import type { Counters } from "./metrics-counters.ts";
import type { Pool } from "./pool.ts";
import { listenerKey, type Front, type ListenSpec, type RouteTable } from "./route.ts";
import { dial, listenPlain, type WireListener } from "./sockets.ts";
import { TcpProxy } from "./tcp-proxy.ts";
import type { Wire } from "./wire.ts";
import type { Gate } from "./worker-listeners.ts";
import { steerToNewcomer } from "./worker-steer.ts";

export interface GateOptions {
  readonly clock: Clock;
  readonly counters: Counters;
  /** Usual number of workers on a port. */
  readonly workers: number;
}

type PoolOf = (front: string) => Pool;

/** What answers on a listener. */
interface Responder {
  accept(wire: Wire): void;
  update(fronts: readonly Front[]): void;
}

/** Opens listeners with what answers on them, and knows every connection that came in through one. */
export class GateMaker {
  /** By front; those of fronts that are gone as long as they have connections. */
  private readonly tcp = new Map<string, TcpProxy>();

  constructor(private readonly options: GateOptions) {}

  /** What a table says for all listeners. */
  configure(_table: RouteTable): void {}

  get connections(): number {
    let sum = 0;
    for (const { size } of this.tcp.values()) sum += size;
    return sum;
  }

  cutAll(): void {
    for (const proxy of this.tcp.values()) proxy.cutAll();
  }

  retire(): void {}

  async open(listen: ListenSpec, fronts: readonly Front[], poolOf: PoolOf): Promise<Gate> {
    const responder = this.tcpResponder(listen, fronts, poolOf);
    const listener: WireListener = listenPlain({ ...listen, reusePort: true, onWire: (wire) => responder.accept(wire) });
    steerToNewcomer(listener.fd, this.options.workers);
    return { update: (now) => responder.update(now), close: () => listener.stop() };
  }

  private tcpResponder(listen: ListenSpec, first: readonly Front[], poolOf: PoolOf): Responder {
    let byName = this.tcpTable(listen, first, poolOf);
    return {
      accept: (wire) => {
        const proxy = byName.find(wire.serverName ?? "");
        if (proxy) proxy.accept(wire);
        else wire.reset();
      },
      update: (fronts) => (byName = this.tcpTable(listen, fronts, poolOf)),
    };
  }

  private tcpTable(listen: ListenSpec, fronts: readonly Front[], poolOf: PoolOf): HostTable<TcpProxy> {
    for (const [id, proxy] of this.tcp) if (proxy.size === 0) this.tcp.delete(id);
    return new HostTable(
      fronts.map((front) => {
        const proxy = this.tcp.get(front.id) ?? this.tcpProxy(listen, front, poolOf);
        proxy.connectMs = front.timeouts.connectMs;
        this.tcp.set(front.id, proxy);
        return { hosts: front.hosts, value: proxy };
      }),
    );
  }

  private tcpProxy(listen: ListenSpec, front: Front, poolOf: PoolOf): TcpProxy {
    const { clock, counters } = this.options;
    const counter = counters.of(listenerKey(listen), front.id);
    return new TcpProxy({ pool: poolOf(front.id), dial, clock, counter }, front.timeouts.connectMs);
  }
}
