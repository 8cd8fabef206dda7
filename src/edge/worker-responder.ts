import type { Clock } from "../kernel/clock.ts";
import type { AccessRecord } from "./http/service.ts";
import { HostTable } from "./http/hosts.ts";
import { HttpFrontend } from "./http-frontend.ts";
import type { Counters } from "./metrics-counters.ts";
import type { Pool } from "./pool.ts";
import { listenerKey, type Front, type ListenSpec } from "./route.ts";
import { dial } from "./sockets.ts";
import { TcpProxy } from "./tcp-proxy.ts";
import type { Wire } from "./wire.ts";

/** What answers on a listener. It lives as long as it has connections. */
export interface Responder {
  accept(wire: Wire): void;
  /** Its fronts from now on; none: it is of no listener any more. */
  update(fronts: readonly Front[]): void;
  /** Of clients, idle ones included. */
  readonly connections: number;
  /** Ends idle connections, and makes each other one end after its answer. */
  retire(): void;
  cutAll(): void;
}

/** What responders share. */
export interface Surroundings {
  readonly clock: Clock;
  readonly counters: Counters;
  poolOf(front: string): Pool;
  /** As the newest table says. */
  trustedProxies(): readonly string[];
  log(): ((record: AccessRecord) => void) | undefined;
}

export function httpResponder(listen: ListenSpec, around: Surroundings): Responder {
  const listener = listenerKey(listen);
  const { clock, counters } = around;
  const frontend = new HttpFrontend({ clock, dial, stray: counters.of(listener, "") });
  return {
    accept: (wire) => frontend.accept(wire),
    update(fronts) {
      const sites = fronts.map((front) => ({ front, pool: around.poolOf(front.id), meter: counters.of(listener, front.id) }));
      frontend.update({ sites, trustedProxies: around.trustedProxies(), log: around.log() });
    },
    get connections() {
      return frontend.connections;
    },
    retire: () => frontend.retire(),
    cutAll: () => frontend.cutAll(),
  };
}

/** Connections without HTTP; with TLS the name that the client asked for may choose the front. */
export function tcpResponder(listen: ListenSpec, around: Surroundings): Responder {
  const { clock, counters } = around;
  /** By front; those of fronts that are gone as long as they have connections. */
  const proxies = new Map<string, TcpProxy>();
  let byName = new HostTable<TcpProxy>([]);
  const proxyOf = (front: Front): TcpProxy => {
    const counter = counters.of(listenerKey(listen), front.id);
    const proxy = proxies.get(front.id) ?? new TcpProxy({ pool: around.poolOf(front.id), dial, clock, counter }, front.timeouts.connectMs);
    proxy.connectMs = front.timeouts.connectMs;
    proxies.set(front.id, proxy);
    return proxy;
  };
  return {
    accept(wire) {
      const proxy = byName.find(wire.serverName ?? "");
      if (proxy) proxy.accept(wire);
      else wire.reset();
    },
    update(fronts) {
      byName = new HostTable(fronts.map((front) => ({ hosts: front.hosts, value: proxyOf(front) })));
      const named = new Set(fronts.map(({ id }) => id));
      for (const [id, proxy] of proxies) if (!named.has(id) && proxy.size === 0) proxies.delete(id);
    },
    get connections() {
      return proxies.values().reduce((sum, { size }) => sum + size, 0);
    },
    // There is no idle moment in a stream of bytes that is not ours to read.
    retire: () => undefined,
    cutAll: () => proxies.forEach((proxy) => proxy.cutAll()),
  };
}
