import type { PoolView, ReplicaView } from "../inference/pools/pool.ts";
import { openReplicas } from "./report.ts";

/** One engine as the relay reaches it. */
export interface EngineSeat {
  readonly host: string;
  readonly port: number;
  /** As the Host header reads. */
  readonly authority: string;
  /** What its URL has before every path. */
  readonly prefix: string;
}

/** The pools of this machine as its daemon last told of them, and what the relay has under way in them. */
export class Book {
  pools: readonly PoolView[] = [];
  /** Why they may not be so any more. */
  trouble: string | undefined;
  private readonly busy = new Map<string, number>();

  pool(id: string): PoolView | undefined {
    return this.pools.find((pool) => pool.id === id);
  }

  /** Engines of a pool that take work, the one with most room first. */
  seats(id: string): readonly EngineSeat[] {
    const pool = this.pool(id);
    if (!pool || this.trouble !== undefined) return [];
    const load = (replica: ReplicaView): number => this.busyAt(authorityOf(replica.url)) / Math.max(1, replica.slots_total);
    return openReplicas(pool)
      .toSorted((one, other) => load(one) - load(other) || (one.id < other.id ? -1 : 1))
      .flatMap((replica) => seatOf(replica.url));
  }

  /** Counts one request until what it returns is called. */
  hold({ authority }: EngineSeat): () => void {
    this.add(authority, 1);
    return () => this.add(authority, -1);
  }

  /** Requests that the relay has under way at one engine. */
  busyAt(authority: string): number {
    return this.busy.get(authority) ?? 0;
  }

  private add(authority: string, by: number): void {
    const count = this.busyAt(authority) + by;
    if (count > 0) this.busy.set(authority, count);
    else this.busy.delete(authority);
  }
}

/** None for what is no plain HTTP: engines behind the relay are on this machine. */
function seatOf(url: string): EngineSeat[] {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== "http:") return [];
  const { hostname, port, host, pathname } = parsed;
  return [{ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || 80), authority: host, prefix: pathname.replace(/\/+$/, "") }];
}

function authorityOf(url: string): string {
  return URL.parse(url)?.host ?? url;
}
