import { readdirSync, readFileSync } from "node:fs";
import type { Clock } from "../kernel/clock.ts";
import { messageOf } from "../kernel/errors.ts";
import type { FromWorker, WorkerIdentity } from "./channel.ts";
import { openLink, type LinkEvents, type WorkerLink } from "./control-link.ts";
import { spawnWorker, type SpawnOptions, type StartedWorker } from "./control-spawn.ts";
import { workerRecord, workerSocket } from "./worker-paths.ts";
import { RestartDelay } from "./control-delay.ts";

/** What the crew needs to know of processes, and may do to them. */
export interface Processes {
  /** Who has this pid now; undefined when nobody (alive) has. */
  identify(pid: number): { readonly startTime: number } | undefined;
  /** SIGKILL. Only called for a pid whose identity was proven just before. */
  kill(pid: number): void;
}

export interface CrewOptions extends Omit<SpawnOptions, "number"> {
  readonly clock: Clock;
  readonly processes: Processes;
  readonly log: (message: string, facts: Readonly<Record<string, unknown>>) => void;
  /** Anything that a waiter may wait for has changed. */
  readonly onChange: () => void;
  readonly onConnect: (link: WorkerLink) => void;
  readonly onMessage: (link: WorkerLink, message: FromWorker) => void;
  readonly onLost: (link: WorkerLink) => void;
}

const CONNECT_RETRY_MS = 4;
const START_TIMEOUT_MS = 10_000;
/** A connection that broke off may have been the end of its process, which takes a moment. */
const BURY_MS = 500;

/** The worker processes: found, started, connected to, buried. How many there should be is said by `want`. */
export class Crew {
  private readonly links = new Map<number, WorkerLink>();
  private readonly starting = new Set<number>();
  private readonly delay: RestartDelay;
  private wanted = 0;
  private closed = false;
  /** Why the last start failed; undefined after one that worked. */
  startFailure: string | undefined;

  constructor(private readonly options: CrewOptions) {
    this.delay = new RestartDelay(options.clock);
  }

  all(): WorkerLink[] {
    return [...this.links.values()];
  }

  /** Those that take new connections and are to stay. */
  serving(): WorkerLink[] {
    return this.all().filter((link) => link.counts);
  }

  /** Connects to every worker that a former daemon left behind; who does not answer is killed when it is proven to be one. */
  async adopt(): Promise<void> {
    const numbers = filesOf(this.options.folder).flatMap((name) => /^worker-(\d+)\.sock$/.exec(name)?.[1] ?? []);
    await Promise.all(numbers.map((number) => this.attach(Number(number))));
  }

  /** As many workers from now on; missing ones are started at once, none is stopped. */
  want(count: number): void {
    if (this.wanted === 0) this.delay.reset();
    this.wanted = count;
    this.fill();
  }

  get wantedNow(): number {
    return this.wanted;
  }

  get complete(): boolean {
    return this.serving().length >= this.wanted;
  }

  /** Nobody serves, and whoever is started dies. */
  get hopeless(): boolean {
    return this.delay.hopeless && this.wanted > 0 && this.serving().length === 0;
  }

  /** Stops watching; the workers go on. */
  close(): void {
    this.closed = true;
    for (const link of this.links.values()) link.close();
    this.links.clear();
  }

  /** Ends a worker that does not do its part any more. Not one whose identity is unproven: then it is only no longer ours. */
  kill(link: WorkerLink, why: string): void {
    this.options.log("edge worker is killed", { worker: link.identity.number, pid: link.identity.pid, why });
    this.killProven(link.identity);
  }

  private fill(): void {
    if (this.closed) return;
    while (this.serving().length + this.starting.size < this.wanted) {
      const number = this.freeNumber();
      this.starting.add(number);
      void this.start(number).finally(() => {
        this.starting.delete(number);
        this.fill();
        this.options.onChange();
      });
    }
  }

  private freeNumber(): number {
    for (let number = 0; ; number++) if (!this.links.has(number) && !this.starting.has(number)) return number;
  }

  private async start(number: number): Promise<void> {
    await this.delay.wait();
    if (this.closed || this.serving().length >= this.wanted) return;
    try {
      const child = spawnWorker({ ...this.options, number });
      if (!(await this.connectTo(child, number))) throw new Error(child.said() || "it printed nothing");
      this.startFailure = undefined;
    } catch (error) {
      this.startFailure = messageOf(error);
      this.delay.failed();
      this.options.log("edge worker did not start", { worker: number, why: this.startFailure });
    }
  }

  /** False when the process ended, or was ended for not answering, before it said hello. */
  private async connectTo(child: StartedWorker, number: number): Promise<boolean> {
    const { clock } = this.options;
    const deadline = clock.monotonic() + START_TIMEOUT_MS;
    while (!child.ended() && !this.closed && clock.monotonic() < deadline) {
      if (await this.connect(number)) return true;
      await clock.sleep(CONNECT_RETRY_MS);
    }
    if (!this.closed) child.kill();
    return this.closed;
  }

  private async connect(number: number): Promise<boolean> {
    try {
      const link = await openLink(workerSocket(this.options.folder, number), this.options.clock, this.events);
      if (this.closed) {
        link.close();
        return true;
      }
      this.links.set(number, link);
      this.options.onConnect(link);
      this.options.onChange();
      return true;
    } catch {
      return false;
    }
  }

  private readonly events: LinkEvents = {
    served: () => {
      // One that leaves without having been told to is replaced like one that died.
      this.fill();
      this.options.onChange();
    },
    message: (link, message) => this.options.onMessage(link, message),
    closed: (link) => void this.lost(link),
  };

  private async lost(link: WorkerLink): Promise<void> {
    const { number } = link.identity;
    if (this.closed || this.links.get(number) !== link) return;
    // Its number stays taken until it is certain that nobody listens on its socket.
    if (await this.connect(number)) return;
    this.links.delete(number);
    this.delay.ended(this.options.clock.monotonic() - link.since);
    this.options.log("edge worker is gone", { worker: number, pid: link.identity.pid, phase: link.served.phase });
    this.options.onLost(link);
    this.fill();
    this.options.onChange();
    this.options.clock.after(BURY_MS, () => this.killProven(link.identity));
  }

  private async attach(number: number): Promise<void> {
    if (await this.connect(number)) return;
    const identity = recordOf(workerRecord(this.options.folder, number));
    if (identity) this.killProven(identity);
  }

  private killProven({ pid, startTime }: Pick<WorkerIdentity, "pid" | "startTime">): void {
    if (this.options.processes.identify(pid)?.startTime === startTime) this.options.processes.kill(pid);
  }
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // No edge was ever here.
    return [];
  }
}

function recordOf(path: string): WorkerIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as WorkerIdentity;
  } catch {
    return undefined;
  }
}
