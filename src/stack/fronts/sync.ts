import type { Front } from "../../edge/route.ts";
import type { Traffic } from "../../edge/traffic.ts";
import type { Clock } from "../../kernel/clock.ts";
import { messageOf } from "../../kernel/errors.ts";

interface FrontSyncOptions {
  readonly traffic: Pick<Traffic, "put" | "remove">;
  readonly clock: Clock;
  /** The fronts of a service as its slots want them now. */
  readonly wanted: (service: string) => readonly Front[];
  /** Trouble of a service came or went. */
  readonly onChange: () => void;
}

/** How often a table that could not be put is tried again. */
const RETRY_MS = 1000;

/**
 * Keeps the route table as the slots of one stack have it, service by service. Changes of one turn are one pass; while a pass is under way the
 * next one gathers. A failure (a port that is held, a full disk) is remembered with its service and tried again until it is gone.
 */
export class FrontSync {
  /** Fronts as acknowledged by every worker, as JSON by id. */
  private readonly acknowledged = new Map<string, ReadonlyMap<string, string>>();
  private readonly troubles = new Map<string, unknown>();
  private readonly retries = new Set<string>();
  /** Passes that have not looked at the slots yet, and those that have. */
  private readonly waiting = new Map<string, Promise<void>>();
  private readonly running = new Map<string, Promise<void>>();
  /** Every slot is known: half of them would take targets away that serve. */
  private readonly opened = Promise.withResolvers<void>();
  private closed = false;

  constructor(private readonly options: FrontSyncOptions) {}

  /** From now on the table follows. */
  start(): void {
    this.opened.resolve();
  }

  /** Something about the service has changed. */
  poke(service: string): void {
    void this.next(service);
  }

  /** Resolves when every worker serves the service as it is at this moment; throws what is in the way: `port_in_use`, `conflict`, `disk_full`. */
  async served(service: string): Promise<void> {
    await this.next(service);
    const trouble = this.troubles.get(service);
    if (trouble !== undefined) throw trouble;
  }

  /** Why the service is not reachable where it should be. */
  trouble(service: string): unknown {
    return this.troubles.get(service);
  }

  /** The stack is gone. */
  async removeAll(): Promise<void> {
    this.closed = true;
    await Promise.all(this.running.values());
    const ids = [...this.acknowledged.values()].flatMap((fronts) => [...fronts.keys()]);
    if (ids.length > 0) await this.options.traffic.remove(ids);
  }

  /** The daemon leaves: what is in the table stays there. */
  close(): void {
    this.closed = true;
  }

  /** A pass that looks after this moment. Never rejects. */
  private next(service: string): Promise<void> {
    const waiting = this.waiting.get(service);
    if (waiting) return waiting;
    const pass = this.pass(service);
    this.waiting.set(service, pass);
    return pass;
  }

  private async pass(service: string): Promise<void> {
    await this.opened.promise;
    await this.running.get(service);
    const pass = this.reconcile(service);
    this.running.set(service, pass);
    this.waiting.delete(service);
    await pass;
    if (this.running.get(service) === pass) this.running.delete(service);
  }

  private async reconcile(service: string): Promise<void> {
    if (this.closed) return;
    const { traffic, wanted, clock } = this.options;
    const known = this.acknowledged.get(service) ?? new Map<string, string>();
    const fronts = wanted(service);
    const texts = new Map(fronts.map((front) => [front.id, JSON.stringify(front)]));
    const changed = fronts.filter(({ id }) => known.get(id) !== texts.get(id));
    const gone = [...known.keys()].filter((id) => !texts.has(id));
    try {
      // In one turn, and so in one table; what goes first frees its port for what comes.
      await Promise.all([gone.length > 0 && traffic.remove(gone), changed.length > 0 && traffic.put(changed)]);
      if (texts.size > 0) this.acknowledged.set(service, texts);
      else this.acknowledged.delete(service);
      this.settle(service, undefined);
    } catch (error) {
      this.settle(service, error);
      if (this.retries.has(service)) return;
      this.retries.add(service);
      clock.after(RETRY_MS, () => this.retries.delete(service) && !this.closed && this.poke(service));
    }
  }

  private settle(service: string, trouble: unknown): void {
    const before = this.troubles.get(service);
    if (trouble === undefined) this.troubles.delete(service);
    else this.troubles.set(service, trouble);
    if (messageOf(before) !== messageOf(trouble)) this.options.onChange();
  }
}
