import { type EntryPorts, PoolEntry } from "./entry.ts";
import type { PoolBook, PoolFacts, PoolSource, PoolWork } from "./pool.ts";
import { type Claim, settle, type SourcePool } from "./source.ts";
import { Turns } from "./turns.ts";

export interface PoolsOptions extends Pick<EntryPorts, "clock" | "adapters" | "meter"> {
  readonly work: PoolWork;
}

/** Engines asked at once; and of those that do not answer. */
const MAX_LOOKS = 32;
const MAX_SILENT_LOOKS = 32;

/** All pools, whoever tells of them (inference.md, "Where pools come from"). Each source states what it has; nobody reads and then writes. */
export class Pools implements PoolBook {
  /** By pool, then by who makes them. */
  private readonly claims = new Map<string, Map<string, Claim>>();
  /** Pools by who has them. */
  private readonly held = new Map<string, ReadonlySet<string>>();
  private readonly entries = new Map<string, PoolEntry>();
  private readonly ports: EntryPorts;
  private known: readonly PoolFacts[] | undefined;
  private closed = false;

  constructor(private readonly options: PoolsOptions) {
    const turns = { usual: new Turns(MAX_LOOKS), silent: new Turns(MAX_SILENT_LOOKS) };
    this.ports = { ...options, turns, onChange: (id) => this.changed([id]) };
  }

  /** By id; the same list until something changes. */
  list(): readonly PoolFacts[] {
    this.known ??= Array.from(this.entries.values(), ({ facts }) => facts).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    return this.known;
  }

  get(id: string): PoolFacts | undefined {
    return this.entries.get(id)?.facts;
  }

  entry(id: string): PoolEntry | undefined {
    return this.entries.get(id);
  }

  /** All that one of a source has now, in place of what it had; an empty list takes it away. `key`: the node, the stack, the manager; of the API the pool. */
  replace(source: PoolSource, key: string, pools: readonly SourcePool[]): void {
    if (this.closed) return;
    const name = `${source}/${key}`;
    const before = this.held.get(name) ?? new Set<string>();
    const now = new Set(pools.map(({ id }) => id));
    const left = before.difference(now);
    for (const id of left) this.claims.get(id)?.delete(name);
    // Most heartbeats say what the last one said, and a pool may have a thousand replicas.
    const others = pools.filter((pool) => !Bun.deepEquals(this.claims.get(pool.id)?.get(name)?.pool, pool));
    for (const pool of others) this.claimsTo(pool.id).set(name, { source, key, pool });
    if (now.size > 0) this.held.set(name, now);
    else this.held.delete(name);
    const affected = [...left, ...others.map(({ id }) => id)];
    // All of them before anybody hears of one.
    this.changed(affected.filter((id) => this.update(id)));
  }

  /** Facts of a pool anew, after its entry was told something. */
  refresh(id: string): void {
    if (this.entries.get(id)?.refresh()) this.changed([id]);
  }

  close(): void {
    this.closed = true;
    for (const entry of this.entries.values()) entry.close();
  }

  /** Returns whether its facts are others. */
  private update(id: string): boolean {
    const settled = settle([...this.claimsTo(id).values()]);
    const entry = this.entries.get(id);
    if (!settled) {
      this.claims.delete(id);
      entry?.close();
      return this.entries.delete(id);
    }
    if (entry) return entry.use(settled);
    this.entries.set(id, new PoolEntry(settled, this.ports));
    return true;
  }

  private claimsTo(id: string): Map<string, Claim> {
    const found = this.claims.get(id) ?? new Map<string, Claim>();
    this.claims.set(id, found);
    return found;
  }

  private changed(ids: readonly string[]): void {
    if (ids.length > 0) this.known = undefined;
    for (const id of ids) this.options.work.changed(id);
  }
}
