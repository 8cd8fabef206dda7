import type { Clock } from "../kernel/clock.ts";
import type { FromWorker, ListenerProblem, Served, ToWorker, WorkerIdentity, WorkerPhase } from "./channel.ts";
import type { Channel } from "./channel-socket.ts";
import type { StatsAnswer } from "./metrics-counters.ts";
import type { RouteTable } from "./route.ts";
import { EMPTY_TABLE, type TableFile } from "./table.ts";

/** The part of a worker that listens and moves bytes. */
export interface DataPlane {
  /** Serves this table from now on: what could not be served is told, all else is. One call at a time. */
  apply(table: RouteTable): Promise<readonly ListenerProblem[]>;
  /** Listens no more; what is in flight goes on. */
  stopListening(): void;
  /** In flight on targets that get nothing new, and how many of them were cut. */
  draining(): Pick<Served, "inFlight" | "cut">;
  /** Connections of clients, idle ones included. */
  readonly connections: number;
  /** Cuts what is left: WebSockets are told, the rest is reset. */
  cutAll(): void;
  /** Ends idle connections, and makes each other one end after its answer. */
  retire(): void;
  stats(since: number): StatsAnswer;
}

export interface WorkerOptions {
  readonly identity: WorkerIdentity;
  readonly clock: Clock;
  readonly plane: DataPlane;
  readonly read: () => TableFile;
  readonly log: (message: string) => void;
  /** Called once; nothing happens afterwards. */
  readonly exit: () => void;
}

/** A table without fronts is left after this: within the second that is promised, and not in the middle of a swap of fronts. */
const EMPTY_EXIT_MS = 700;
const IDLE_LOOK_MS = 50;

/** One edge worker: serves the table on disk, tells everyone who is connected what it serves, leaves when there is nothing to serve. */
export class EdgeWorker {
  private table: RouteTable = EMPTY_TABLE;
  private problems: readonly ListenerProblem[] = [];
  private phase: WorkerPhase = "serving";
  private loading: Promise<void> | undefined;
  private answered = 0;
  /** Of the latest nudge; undefined when the file was looked at since. */
  private asked: number | undefined;
  private reporting = false;
  private cancelExit: (() => void) | undefined;
  private readonly channels = new Set<Channel<FromWorker>>();

  constructor(private readonly options: WorkerOptions) {}

  /** Serves what is on disk. Without a daemon, too. */
  start(): Promise<void> {
    return this.load(0);
  }

  connected(channel: Channel<FromWorker>): { message(message: ToWorker): void; closed(): void } {
    this.channels.add(channel);
    channel.send({ type: "hello", ...this.options.identity, ...this.served() });
    return { message: (message) => this.told(message, channel), closed: () => void this.channels.delete(channel) };
  }

  /** To everyone who is connected; false when nobody is. */
  tell(message: FromWorker): boolean {
    for (const channel of this.channels) channel.send(message);
    return this.channels.size > 0;
  }

  /** Something in flight on a draining target has ended. Told once a turn, however much ended in it. */
  drainingChanged(): void {
    if (this.reporting) return;
    this.reporting = true;
    setImmediate(() => {
      this.reporting = false;
      this.report();
    });
  }

  /** Accepts for `lingerMs` what newcomers have not taken over yet, then ends what it has within `timeoutMs`, then exits. */
  leave({ lingerMs, timeoutMs }: { lingerMs: number; timeoutMs: number }): void {
    if (this.phase !== "serving") return;
    this.phase = "leaving";
    this.report();
    this.options.clock.after(lingerMs, () => {
      this.options.plane.stopListening();
      this.phase = "left";
      this.report();
      this.options.plane.retire();
      const deadline = this.options.clock.monotonic() + timeoutMs;
      this.endWhenIdle(deadline);
    });
  }

  private told(message: ToWorker, channel: Channel<FromWorker>): void {
    if (message.type === "nudge") void this.load(message.version);
    else if (message.type === "leave") this.leave(message);
    else if (message.type === "table") channel.send({ type: "table", table: this.table });
    else if (message.type === "stats") channel.send({ type: "stats", ...this.options.plane.stats(message.since) });
  }

  /** Nudges that come while a table is being applied end in one more look at the file. */
  private load(nudge: number): Promise<void> {
    this.asked = Math.max(this.asked ?? 0, nudge);
    this.loading ??= this.loadAll().finally(() => (this.loading = undefined));
    return this.loading;
  }

  private async loadAll(): Promise<void> {
    while (this.asked !== undefined) {
      const nudge = this.asked;
      this.asked = undefined;
      await this.loadOnce();
      this.answered = Math.max(this.answered, nudge, this.table.version);
      this.report();
    }
    this.considerExit();
  }

  private async loadOnce(): Promise<void> {
    const file = this.options.read();
    if (file.kind === "table") {
      this.problems = await this.options.plane.apply(file.table);
      this.table = file.table;
      return;
    }
    // Whatever became of the file, the routes stay.
    const why = file.kind === "problem" ? file.why : "there is no table";
    this.options.log(`keeping version ${this.table.version}: ${why}`);
    this.problems = [{ listener: "", code: "table", message: why }];
  }

  private considerExit(): void {
    this.cancelExit?.();
    this.cancelExit = undefined;
    if (this.table.fronts.length > 0) return;
    this.cancelExit = this.options.clock.after(EMPTY_EXIT_MS, () => this.end("the table holds no front"));
  }

  private endWhenIdle(deadline: number): void {
    const { clock, plane } = this.options;
    if (plane.connections === 0) return this.end("left");
    if (clock.monotonic() >= deadline) {
      this.options.log(`cutting ${plane.connections} connections that did not end in time`);
      plane.cutAll();
      return void clock.after(IDLE_LOOK_MS, () => this.end("left"));
    }
    clock.after(IDLE_LOOK_MS, () => this.endWhenIdle(deadline));
  }

  private end(why: string): void {
    this.options.log(`exits: ${why}`);
    this.tell({ type: "stats", ...this.options.plane.stats(0) });
    for (const channel of this.channels) channel.close();
    this.channels.clear();
    this.options.exit();
  }

  private report(): void {
    this.tell({ type: "served", ...this.served() });
  }

  private served(): Served {
    const { table, answered, problems, phase } = this;
    return { version: table.version, answered, problems, phase, ...this.options.plane.draining() };
  }
}
