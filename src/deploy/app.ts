import type { Clock } from "../kernel/clock.ts";
import type { JsonObject } from "../kernel/event.ts";
import { adoptSlot } from "../supervise/adopt-slot.ts";
import { hasEnded, type Slot } from "../supervise/instance.ts";
import type { LogStore } from "../supervise/logs/store.ts";
import type { LogQuery, LogRecord } from "../supervise/logs/record.ts";
import type { RestartPolicy } from "../supervise/restart.ts";
import type { Adopted, Runtime } from "../supervise/runtime.ts";
import type { SlotRows } from "../supervise/slot-rows.ts";
import type { Prepared } from "../supervise/supervised.ts";
import { Supervisor } from "../supervise/supervisor.ts";
import type { AppTraffic } from "./app-traffic.ts";
import { type AppRow, type Release, SLOT_NAMES } from "./record.ts";
import { type AppStore, owner } from "./store.ts";
import type { SlotName } from "./view.ts";

export interface AppPorts {
  readonly clock: Clock;
  readonly runtime: Runtime;
  readonly logs: LogStore;
  readonly newId: () => string;
  readonly store: AppStore;
  readonly slotRows: SlotRows;
  readonly prepare: (request: { app: string; slot: SlotName; release: Release; instance: string; adopted: boolean }) => Promise<Prepared>;
  readonly secretsOf: (release: Release) => readonly string[];
  /** A slot changed, on disk. */
  readonly onSlot: (app: App, slot: SlotName) => void;
}

/** Of a release that was never live: it fails at once. */
const CANDIDATE: RestartPolicy = { condition: "never", maxRetries: 0, resetAfterMs: 60_000, backoff: { minMs: 0, maxMs: 0, factor: 1 } };
/** deploy.md: after promotion it restarts with backoff, without end. */
const PROMOTED: RestartPolicy = {
  condition: "always",
  maxRetries: -1,
  resetAfterMs: 60_000,
  backoff: { minMs: 100, maxMs: 30_000, factor: 2 },
};
const LOGGING = { maxFileSizeBytes: 16 * 1024 * 1024, maxFiles: 4, format: "auto" } as const;

/** One app: its row, and a supervisor for each slot in which something is to run. Changed by runs; everything else reads. */
export class App {
  private readonly supervisors = new Map<SlotName, Supervisor>();
  private readonly stopping = new Map<SlotName, Promise<void>>();
  private readonly listeners = new Set<() => void>();
  private writing: Promise<void> = Promise.resolve();
  private settling: Promise<void> | undefined;
  readonly traffic: AppTraffic;

  constructor(
    private current: AppRow,
    private readonly ports: AppPorts,
    trafficOf: (app: App) => AppTraffic,
  ) {
    this.traffic = trafficOf(this);
  }

  get name(): string {
    return this.current.name;
  }

  get row(): AppRow {
    return this.current;
  }

  get clock(): Clock {
    return this.ports.clock;
  }

  supervisor(slot: SlotName): Supervisor | undefined {
    return this.supervisors.get(slot);
  }

  /** As it is at this very moment: an end that is not on disk yet counts. */
  slot(name: SlotName): Slot | undefined {
    const supervisor = this.supervisors.get(name);
    if (!supervisor) return undefined;
    const { slot, running } = supervisor;
    return running?.exit ? { ...slot, ready: false, wasReady: true } : slot;
  }

  slots(): Partial<Record<SlotName, Slot>> {
    return Object.fromEntries([...this.supervisors.keys()].map((name) => [name, this.slot(name)]));
  }

  /**
   * One change after the other: `make` sees the row as those before left it. On disk first, then known; what `make` gives back unchanged is not
   * written. Throws `disk_full`.
   */
  change(make: (row: AppRow) => AppRow, type: string, data: JsonObject = {}): Promise<void> {
    const mine = this.writing.then(async () => {
      const row = make(this.current);
      if (row === this.current) return;
      await this.ports.store.save(row, type, data);
      this.current = row;
      this.changed();
    });
    this.writing = mine.catch(() => undefined);
    return mine;
  }

  /** Joins work of this kind that is under way. */
  alone(work: () => Promise<void>): Promise<void> {
    this.settling ??= work().finally(() => (this.settling = undefined));
    return this.settling;
  }

  /** Resolves when every change that was asked for is on disk, or has failed. */
  written(): Promise<void> {
    return this.writing;
  }

  /** Runs the release that the slot holds; what runs there already of this release is kept. */
  async boot(name: SlotName, reason: string): Promise<Supervisor> {
    const release = this.releaseIn(name);
    const present = this.supervisors.get(name);
    if (present && present.slot.config === release.run && present.slot.wanted === "run" && !hasEnded(present.slot)) return present;
    if (present) await this.stop(name, reason);
    const { clock, newId, slotRows } = this.ports;
    const slot: Slot = {
      id: newId(),
      stack: owner(this.name),
      service: name,
      replica: 0,
      config: release.run,
      version: "new",
      wanted: "run",
      state: "Pending",
      ready: false,
      reason,
      restarts: 0,
      retries: 0,
      createdAt: clock.now(),
    };
    await slotRows.add(slot);
    return this.supervise(name, slot);
  }

  /** Stops what runs in the slot, tree and all, and forgets it. Two at once are one. */
  stop(name: SlotName, reason: string): Promise<void> {
    const under = this.stopping.get(name) ?? this.stopNow(name, reason).finally(() => this.stopping.delete(name));
    this.stopping.set(name, under);
    return under;
  }

  private async stopNow(name: SlotName, reason: string): Promise<void> {
    const supervisor = this.supervisors.get(name);
    if (!supervisor) return;
    void supervisor.want("stop", reason);
    await this.until(() => supervisor.slot.state === "Stopped");
    supervisor.close();
    this.supervisors.delete(name);
    await this.ports.slotRows.remove(supervisor.slot);
    this.changed();
  }

  /** Takes over what a former daemon left running. */
  async adopt(slot: Slot): Promise<Adopted["kind"] | "idle"> {
    const name = SLOT_NAMES.find((one) => one === slot.service);
    if (!name || !this.current.slots[name]) {
      await this.ports.slotRows.remove(slot);
      return "idle";
    }
    return adoptSlot(slot, this.ports.runtime, (found, adopted) => this.supervise(name, found, adopted));
  }

  /** Resolves when `done` holds; evaluated at every change. Rejects with the signal's reason. */
  async until(done: () => boolean, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (done()) return;
    const held = Promise.withResolvers<void>();
    const look = (): void => {
      if (signal?.aborted) held.reject(signal.reason as Error);
      else if (done()) held.resolve();
    };
    this.listeners.add(look);
    signal?.addEventListener("abort", look, { once: true });
    try {
      await held.promise;
    } finally {
      this.listeners.delete(look);
      signal?.removeEventListener("abort", look);
    }
  }

  /** Lines of both slots, or of those named. */
  logs(request: { services?: readonly string[]; query: LogQuery; signal: AbortSignal }): AsyncIterable<LogRecord> {
    return this.ports.logs.query({ stack: owner(this.name), ...request });
  }

  /** Last lines of one start in the slot: what ran there before may still be read to its end. */
  tail(name: SlotName, { instance, lines }: { instance: string; lines: number }): Promise<LogRecord[]> {
    const query = { instance, tail: lines };
    const { signal } = new AbortController();
    return Array.fromAsync(this.ports.logs.query({ stack: owner(this.name), services: [name], query, signal }));
  }

  /** Another app of this name must not show them as its own. */
  forgetLogs(): void {
    this.ports.logs.remove(owner(this.name));
  }

  instances(): string[] {
    return [...this.supervisors.values()].flatMap(({ slot: { instance, draining = [] } }) =>
      instance === undefined ? [...draining] : [instance, ...draining],
    );
  }

  close(): void {
    for (const supervisor of this.supervisors.values()) supervisor.close();
  }

  private releaseIn(name: SlotName): Release {
    const release = this.current.slots[name];
    if (!release) throw new Error(`slot ${name} of app ${this.name} holds no release`);
    return release;
  }

  private supervise(name: SlotName, slot: Slot, adopted?: Adopted): Supervisor {
    const release = this.releaseIn(name);
    const { clock, runtime, newId, slotRows, logs, prepare, secretsOf } = this.ports;
    const log = (): ReturnType<LogStore["service"]> =>
      logs.service({ stack: owner(this.name), service: name, logging: LOGGING, secrets: secretsOf(release) });
    const supervisor = new Supervisor(
      slot,
      {
        clock,
        runtime,
        newId,
        policy: () => (this.current.live === name ? PROMOTED : CANDIDATE),
        gate: () => ({ open: true }),
        prepare: (_now, instance, how) => prepare({ app: this.name, slot: name, release, instance, adopted: how === "adopt" }),
        attach: (now, spools) => log().attach({ instance: now.instance ?? "", replica: 0, spools }),
        note: (_now, level, message) => log().note({ level, message, replica: 0 }),
        record: (now, event) => slotRows.record(now, event),
        history: () => logs.query({ stack: owner(this.name), services: [name], query: { tail: 0 }, signal: AbortSignal.abort() }),
        withdraw: (now, force) => this.traffic.withdraw(now, force),
      },
      () => {
        this.changed();
        this.ports.onSlot(this, name);
      },
    );
    this.supervisors.set(name, supervisor);
    supervisor.start(adopted);
    return supervisor;
  }

  private changed(): void {
    this.traffic.refresh();
    for (const listener of this.listeners) listener();
  }
}
