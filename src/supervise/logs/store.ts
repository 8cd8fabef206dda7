import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import { errnoOf, OrcoError } from "../../kernel/errors.ts";
import { checkName, isName } from "./names.ts";
import { Pump } from "./pump.ts";
import { loadPunch, type Punch } from "./punch.ts";
import { openQuery } from "./query.ts";
import type { LoggingSpec, LogQuery, LogRecord } from "./record.ts";
import { backwards } from "./scan.ts";
import { ServiceLog } from "./service-log.ts";
import type { Scratch } from "./stream.ts";
import { Trouble } from "./trouble.ts";

export interface LogStoreOptions {
  /** Directory of all logs: `<root>/<stack>/<service>/`. */
  readonly root: string;
  readonly clock: Clock;
  /** Once per episode; `disk_full` or `internal`, facts: stack, service, errno. Nothing is lost meanwhile: the spools wait. */
  readonly onError: (error: OrcoError) => void;
}

export interface LogCount {
  readonly stack: string;
  readonly service: string;
  readonly lines: number;
  readonly dropped: number;
}

const SWEEP_MS = 1000;
const CHUNK_BYTES = 256 * 1024;
/** For logs that are only read so far: nothing of them is removed. */
const UNCONFIGURED: LoggingSpec = { maxFileSizeBytes: 16 * 1024 * 1024, maxFiles: Number.MAX_SAFE_INTEGER, format: "auto" };

/** All logs of one orco home. Reads spools, keeps segments, answers queries; one timer, on the main thread, in short slices. */
export class LogStore {
  private readonly logs = new Map<string, ServiceLog>();
  private readonly changed = new Set<() => void>();
  private readonly pump: Pump;
  private readonly punch: Punch | undefined = loadPunch();
  private readonly scratch: Scratch = {
    chunk: Buffer.allocUnsafeSlow(CHUNK_BYTES),
    encoder: new TextEncoder(),
    out: new Uint8Array(CHUNK_BYTES),
  };

  constructor(private readonly options: LogStoreOptions) {
    this.pump = new Pump(options.clock);
    this.pump.add(this.sweeper());
  }

  /** The log of a service, opened at first use; later calls change its settings, and add to its secrets. `invalid`: a bad name. */
  service(spec: { stack: string; service: string; logging: LoggingSpec; secrets: readonly string[] }): ServiceLog {
    const log = this.open(spec.stack, spec.service, spec.logging);
    log.configure(spec.logging, spec.secrets);
    return log;
  }

  /**
   * Records of one stack, several services merged by (timestamp, service, seq). Services that nobody attached are read from disk.
   * Throws `invalid` at once for a bad name, pattern or level. Ends when the signal aborts.
   */
  query(request: { stack: string; services?: readonly string[]; query: LogQuery; signal: AbortSignal }): AsyncIterable<LogRecord> {
    const { stack, services, query, signal } = request;
    checkName("stack", stack);
    for (const service of services ?? []) checkName("service", service);
    return openQuery({
      query,
      signal,
      clock: this.options.clock,
      logs: () => this.known(stack, services),
      onChange: (fn) => {
        this.changed.add(fn);
        return () => void this.changed.delete(fn);
      },
    });
  }

  /** Forgets a stack's logs and removes them from disk; its attachments and followers end. */
  remove(stack: string): void {
    checkName("stack", stack);
    for (const [path, log] of this.logs) {
      if (log.stack !== stack) continue;
      log.close();
      this.logs.delete(path);
    }
    rmSync(join(this.options.root, stack), { recursive: true, force: true });
  }

  /** Whether there are logs of the stack, from a time when it was up too. */
  has(stack: string): boolean {
    return this.onDisk(checkName("stack", stack)).length > 0;
  }

  /** Whether the logs of these services, or of all, have lines of the replica, from whenever. */
  hasReplica(stack: string, services: readonly string[] | undefined, replica: number): boolean {
    return this.known(stack, services).some((log) => backwards(log.segments).some((span) => span.replica === replica));
  }

  /** Why the log of a service cannot be written. */
  failure(stack: string, service: string): OrcoError | undefined {
    return this.logs.get(this.dirOf(stack, service))?.failure();
  }

  counters(): LogCount[] {
    return [...this.logs.values()].map((log) => ({ stack: log.stack, service: log.service, ...log.counts }));
  }

  close(): void {
    this.pump.close();
    for (const log of this.logs.values()) log.close();
    this.logs.clear();
  }

  private known(stack: string, services: readonly string[] | undefined): ServiceLog[] {
    const names = new Set(services ?? [...this.onDisk(stack), ...this.opened(stack)]);
    return [...names].flatMap((service) => {
      if (!this.logs.has(this.dirOf(stack, service)) && !this.isOnDisk(stack, service)) return [];
      return [this.open(stack, service, UNCONFIGURED)];
    });
  }

  private open(stack: string, service: string, logging: LoggingSpec): ServiceLog {
    const dir = this.dirOf(checkName("stack", stack), checkName("service", service));
    const known = this.logs.get(dir);
    if (known) return known;
    const { clock, onError } = this.options;
    const trouble = new Trouble({ stack, service }, onError);
    const log = new ServiceLog({ stack, service, dir, logging, clock, pump: this.pump, punch: this.punch, scratch: this.scratch, trouble });
    this.logs.set(dir, log);
    this.pump.hurry();
    for (const fn of this.changed) fn();
    return log;
  }

  private dirOf(stack: string, service: string): string {
    return join(this.options.root, stack, service);
  }

  private opened(stack: string): string[] {
    return [...this.logs.values()].filter((log) => log.stack === stack).map((log) => log.service);
  }

  private onDisk(stack: string): string[] {
    try {
      return readdirSync(join(this.options.root, stack)).filter(isName);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return [];
      throw error;
    }
  }

  private isOnDisk(stack: string, service: string): boolean {
    return statSync(this.dirOf(stack, service), { throwIfNoEntry: false })?.isDirectory() ?? false;
  }

  private sweeper(): { dueAt(): number; poll(now: number): boolean; step(): boolean } {
    let dueAt = this.options.clock.monotonic() + SWEEP_MS;
    return {
      dueAt: () => (this.logs.size > 0 ? dueAt : Number.POSITIVE_INFINITY),
      poll: (now) => {
        dueAt = (Math.floor(now / SWEEP_MS) + 1) * SWEEP_MS;
        for (const log of this.logs.values()) log.sweep(this.options.clock.now());
        return false;
      },
      step: () => false,
    };
  }
}
