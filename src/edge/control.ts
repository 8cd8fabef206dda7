import type { Clock } from "../kernel/clock.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { ListenerProblem } from "./channel.ts";
import { applyChange, changesNothing, touches, type Change, type Undo } from "./control-batch.ts";
import { bindError, tryBind, type PortHolderOf } from "./control-bind.ts";
import type { Processes } from "./control-crew.ts";
import { Fleet } from "./control-fleet.ts";
import type { EdgeStatus } from "./control-status.ts";
import type { Family } from "./metrics.ts";
import { listenerKey, type Front, type ListenSpec, type RouteTable } from "./route.ts";
import { edgeFolder, readTable, writeTable } from "./table.ts";
import { Fronts } from "./table-fronts.ts";
import type { Traffic } from "./traffic.ts";

export interface EdgeControlOptions {
  readonly home: string;
  readonly clock: Clock;
  /** Starts this program as a worker: `[orco, "edge-worker"]`; what makes it this worker is appended. */
  readonly command: readonly string[];
  /** Names the program; workers of another build are replaced. */
  readonly build: string;
  readonly processes: Processes;
  readonly portHolder: PortHolderOf;
  readonly log: (message: string, facts: Readonly<Record<string, unknown>>) => void;
  /** Of the workers, less the marks of a service. Default: this process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A worker that needs more is replaced. Default: 512. */
  readonly memoryMib?: number;
  /** Default: 2, or 1 on a machine with one core. */
  readonly workers?: number;
  readonly trustedProxies?: readonly string[];
  /** Absolute path. */
  readonly accessLog?: string;
  /** How long a worker that is replaced goes on accepting what the kernel had given it. */
  readonly lingerMs?: number;
  /** After which a worker that does not acknowledge a table is killed and replaced. */
  readonly ackTimeoutMs?: number;
}

/** The daemon's side of the edge: the only writer of the table. */
export class EdgeControl implements Traffic {
  private readonly fronts = new Fronts();
  private readonly fleet: Fleet;
  private readonly folder: string;
  private version = 0;
  /** Of the table on disk: workers cannot serve a later one. */
  private written = 0;
  /** Listeners of the table that is served. */
  private served: ReadonlySet<string> = new Set();
  private pending: Change[] = [];
  /** Batches follow one another. */
  private turn: Promise<void> = Promise.resolve();

  constructor(private readonly options: EdgeControlOptions) {
    this.folder = edgeFolder(options.home);
    this.fleet = new Fleet({ ...options, folder: this.folder });
  }

  /** Takes over what a former daemon left: its table and its workers. Missing ones start meanwhile; a `put` waits for them. */
  async start(): Promise<void> {
    await this.fleet.adopt();
    const table = await this.tableLeft();
    for (const front of table?.fronts ?? []) this.fronts.put(front);
    this.version = Math.max(table?.version ?? 0, this.fleet.highestVersion());
    this.written = this.version;
    this.served = new Set(this.fronts.listeners().keys());
    const anyFront = this.fronts.size > 0;
    // Not after the table is written: on a full disk there is nothing to write, and still something to serve.
    this.fleet.keep(anyFront);
    if (table && (anyFront || table.version < this.version)) this.turn = this.tryPublish([]).then(() => undefined);
    void this.turn.then(() => this.fleet.replaceOutdated());
  }

  put(fronts: readonly Front[]): Promise<void> {
    return this.change(fronts, () => []);
  }

  remove(ids: readonly string[]): Promise<void> {
    return this.change([], (known) => {
      const there = new Set(known);
      return ids.filter((id) => there.has(id));
    });
  }

  prune(keep: (id: string) => boolean): Promise<void> {
    return this.change([], (known) => [...known].filter((id) => !keep(id)));
  }

  front(id: string): Front | undefined {
    const asked = this.pending.findLast(({ put }) => put.some((front) => front.id === id));
    return asked?.put.findLast((front) => front.id === id) ?? this.fronts.get(id);
  }

  async drained(target: string, signal?: AbortSignal): Promise<{ readonly cut: number }> {
    await this.turn;
    const named = this.fronts.all().flatMap(({ targets }) => targets.filter(({ id }) => id === target));
    if (named.some(({ state }) => state === "active"))
      throw new OrcoError("internal", `target ${target} is to drain and still gets traffic`, { target });
    return this.fleet.drained(target, { version: this.written, timeoutMs: named[0]?.drainTimeoutMs, signal });
  }

  status(): EdgeStatus {
    return { version: this.version, fronts: this.fronts.size, ...this.fleet.status() };
  }

  /** Of all workers, those that have ended included. */
  families(): Promise<Family[]> {
    return this.fleet.families();
  }

  /** The daemon goes; workers and traffic go on. */
  close(): void {
    this.fleet.close();
  }

  /** Everything is taken down: routes and workers. */
  async shutdown(): Promise<void> {
    await this.prune(() => false);
    await this.fleet.dismiss();
    this.close();
  }

  /** The file; when it is torn or gone, what a worker serves. */
  private async tableLeft(): Promise<RouteTable | undefined> {
    const file = readTable(this.folder);
    if (file.kind === "table") return file.table;
    if (file.kind === "problem") this.options.log("the routes on disk are not usable", { why: file.why });
    return this.fleet.askTable();
  }

  private change(put: readonly Front[], remove: Change["remove"]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.pending.push({ put, remove, done: resolve, failed: reject });
    if (this.pending.length === 1) this.turn = this.turn.then(() => this.commit());
    return promise;
  }

  private async commit(): Promise<void> {
    let changes = this.pending;
    this.pending = [];
    for (let first = true; ; first = false) {
      const { made, undo } = this.admit(changes);
      // A second round takes back what the first one published, even when nothing is left to publish.
      const failed = made.length > 0 || !first ? await this.tryPublish(made) : new Map<Change, unknown>();
      if (failed.size === 0) {
        for (const { done } of made) done();
        return;
      }
      undo();
      for (const [change, error] of failed) change.failed(error);
      changes = made.filter((change) => !failed.has(change));
    }
  }

  /** Puts the changes into the table, those that fit; the others are told why. */
  private admit(changes: readonly Change[]): { made: Change[]; undo: Undo } {
    const made: Change[] = [];
    const undos: Undo[] = [];
    for (const change of changes) {
      if (made.length === 0 && changesNothing(this.fronts, change) && !this.isTroubled(change)) {
        change.done();
        continue;
      }
      try {
        undos.push(this.make(change));
        made.push(change);
      } catch (error) {
        change.failed(error);
      }
    }
    return { made, undo: () => undos.toReversed().forEach((undo) => undo()) };
  }

  private make(change: Change): Undo {
    const undo = applyChange(this.fronts, change);
    try {
      const unbound = this.fleet.unbound();
      for (const { listen } of change.put)
        if (unbound.has(listenerKey(listen)) || !this.isOurs(listen)) tryBind(listen, this.options.portHolder);
      return undo;
    } catch (error) {
      undo();
      throw error;
    }
  }

  /** A port may have been taken while no worker was there: what is not served as it should be is not done. */
  private isTroubled(change: Change): boolean {
    return this.fleet.problems().some(({ listener }) => touches(change, listener));
  }

  /** Workers listen on the port, maybe on another address of it: they would be in the way of a try. */
  private isOurs(listen: ListenSpec): boolean {
    return this.served.has(listenerKey(listen)) || this.served.values().some((listener) => listener.endsWith(`:${listen.port}`));
  }

  /** Publishes the table as it is now. The result names the changes that must be taken back, and why. */
  private async tryPublish(made: readonly Change[]): Promise<Map<Change, unknown>> {
    try {
      const problems = await this.publish();
      return new Map(made.flatMap((change) => this.failureOf(change, problems)));
    } catch (error) {
      this.options.log("the routes could not be brought to the workers", { version: this.version, why: messageOf(error) });
      return new Map(made.map((change) => [change, error]));
    }
  }

  private async publish(): Promise<readonly ListenerProblem[]> {
    const { trustedProxies = [], accessLog } = this.options;
    this.version++;
    const fronts = this.fronts.all();
    const startedAt = this.options.clock.monotonic();
    await writeTable(this.folder, { version: this.version, fronts, trustedProxies, ...(accessLog !== undefined && { accessLog }) });
    this.written = this.version;
    const problems = await this.fleet.serve(this.version, fronts.length > 0);
    this.served = new Set(this.fronts.listeners().keys());
    this.fleet.swapped(this.options.clock.monotonic() - startedAt);
    return problems;
  }

  private failureOf(change: Change, problems: readonly ListenerProblem[]): [Change, unknown][] {
    const problem = problems.find(({ listener }) => touches(change, listener));
    const listen = change.put.find((front) => listenerKey(front.listen) === problem?.listener)?.listen;
    if (!problem || !listen) return [];
    if (problem.code !== "certificate") return [[change, bindError(listen, problem.code, this.options.portHolder)]];
    return [[change, new OrcoError("invalid", problem.message, { listener: problem.listener })]];
  }
}
