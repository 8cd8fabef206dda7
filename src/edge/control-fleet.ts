import { availableParallelism } from "node:os";
import type { Clock } from "../kernel/clock.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { FromWorker, ListenerProblem } from "./channel.ts";
import { Crew, type Processes } from "./control-crew.ts";
import type { WorkerLink } from "./control-link.ts";
import type { EdgeStatus } from "./control-status.ts";
import { Waiters } from "./control-wait.ts";
import type { Family } from "./metrics.ts";
import { StatsBook } from "./metrics-book.ts";
import type { RouteTable } from "./route.ts";

export interface FleetOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly command: readonly string[];
  readonly build: string;
  readonly processes: Processes;
  readonly log: (message: string, facts: Readonly<Record<string, unknown>>) => void;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly memoryMib?: number;
  readonly workers?: number;
  readonly lingerMs?: number;
  readonly ackTimeoutMs?: number;
}

interface Drain {
  readonly version: number;
  /** As the table says; undefined: for as long as it takes. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

const MAX_WORKERS = 2;
/** A worker that does not acknowledge a table within this is not working any more. */
const ACK_TIMEOUT_MS = 5_000;
/** Then killed ones are replaced; of those that cannot be, one that serves is enough. */
const RECOVER_TIMEOUT_MS = 10_000;
const ASK_TIMEOUT_MS = 1_000;
const DISMISS_TIMEOUT_MS = 2_000;
/** Handshakes that a leaving worker had begun end within a round trip or a retransmission. */
const LINGER_MS = 1_500;
/** What a worker that leaves may take to finish its requests. */
const LEAVE_TIMEOUT_MS = 60_000;
/** Counters of a killed worker are as old as this at most; a listener that could not be opened is tried again this often. */
const LOOK_MS = 5_000;

/** The workers as one: a table is served when all of them serve it, a target has drained when it has in all of them. */
export class Fleet {
  private readonly crew: Crew;
  private readonly waiters: Waiters;
  private readonly book: StatsBook;
  private readonly size: number;
  private version = 0;
  private replacing: Promise<void> = Promise.resolve();
  private cancelLook: (() => void) | undefined;
  private tableTold: ((table: RouteTable) => void) | undefined;

  constructor(private readonly options: FleetOptions) {
    this.size = options.workers ?? Math.min(MAX_WORKERS, availableParallelism());
    this.waiters = new Waiters(options.clock);
    this.book = new StatsBook();
    this.crew = new Crew({
      ...options,
      workers: this.size,
      onConnect: (link) => this.connected(link),
      onChange: () => this.waiters.look(),
      onMessage: (link, message) => this.told(link, message),
      onLost: (link) => this.lost(link),
    });
  }

  adopt(): Promise<void> {
    this.look();
    return this.crew.adopt();
  }

  /** All workers there should be, or none that is missed. */
  keep(anyFront: boolean): void {
    this.crew.want(anyFront ? this.size : 0);
  }

  highestVersion(): number {
    return Math.max(0, ...this.crew.all().map(({ served }) => served.version));
  }

  /** Of the worker that serves the newest; undefined when there is none, or it does not answer. */
  async askTable(): Promise<RouteTable | undefined> {
    const [newest] = this.crew.all().toSorted((a, b) => b.served.version - a.served.version);
    if (!newest) return undefined;
    const { promise, resolve } = Promise.withResolvers<RouteTable | undefined>();
    this.tableTold = resolve;
    newest.send({ type: "table" });
    const cancel = this.options.clock.after(ASK_TIMEOUT_MS, () => resolve(undefined));
    return promise.finally(cancel);
  }

  /**
   * Resolves when every worker has looked at the table of this version, with what they could not do. Who does not within 5 s is killed,
   * and whoever takes its place counts instead. Throws `unavailable` when nobody serves it.
   */
  async serve(version: number, anyFront: boolean): Promise<readonly ListenerProblem[]> {
    this.version = version;
    this.keep(anyFront);
    for (const link of this.crew.all()) link.send({ type: "nudge", version });
    const acknowledged = (): boolean => this.crew.complete && this.crew.all().every(({ served }) => served.answered >= version);
    const decided = (): boolean => acknowledged() || this.crew.hopeless;
    if (!(await this.waiters.until(decided, { timeoutMs: this.options.ackTimeoutMs ?? ACK_TIMEOUT_MS }))) {
      for (const link of this.crew.all()) if (link.served.answered < version) this.crew.kill(link, "it does not acknowledge its routes");
      await this.waiters.until(decided, { timeoutMs: RECOVER_TIMEOUT_MS });
    }
    return this.verdict(version, anyFront);
  }

  private verdict(version: number, anyFront: boolean): readonly ListenerProblem[] {
    const serving = this.crew.serving().filter(({ served }) => served.answered >= version);
    if (anyFront && serving.length === 0) {
      const why = this.crew.startFailure ?? "they do not answer";
      throw new OrcoError("unavailable", `no edge worker serves the routes: ${why}`, { folder: this.options.folder });
    }
    const behind = serving.find(({ served }) => served.version < version);
    if (behind)
      throw new OrcoError("unavailable", `an edge worker cannot read the routes: ${behind.served.problems[0]?.message ?? "unknown"}`);
    return serving.flatMap(({ served }) => served.problems);
  }

  /**
   * Given that the table of `version` has it draining or not at all. Workers cut what is left after `timeoutMs`; one that has not told so a
   * while later does not work any more, and is killed.
   */
  async drained(target: string, { version, timeoutMs, signal }: Drain): Promise<{ readonly cut: number }> {
    const over = ({ served }: WorkerLink): boolean => served.version >= version && (served.inFlight[target] ?? 0) === 0;
    const allOver = (): boolean => this.crew.all().every(over);
    const limit = timeoutMs === undefined ? {} : { timeoutMs: timeoutMs + (this.options.ackTimeoutMs ?? ACK_TIMEOUT_MS) };
    if (!(await this.waiters.until(allOver, { ...limit, signal }))) {
      for (const link of this.crew.all()) if (!over(link)) this.crew.kill(link, "it does not cut what has drained for too long");
      await this.waiters.until(allOver, { timeoutMs: RECOVER_TIMEOUT_MS, signal });
    }
    const cut = this.crew.all().reduce((sum, { served }) => sum + (served.cut[target] ?? 0), this.book.cutByLost(target));
    return { cut };
  }

  /** One after the other, those that run another program than this one. */
  replaceOutdated(): void {
    for (const link of this.crew.all()) if (link.counts && link.identity.build !== this.options.build) this.replace(link, "another_build");
    for (const link of this.crew.serving().slice(this.size)) link.send(this.farewell());
  }

  swapped(ms: number): void {
    this.book.swapped(ms);
  }

  async families(): Promise<Family[]> {
    const asked = this.crew.all();
    const answers = new Map(asked.map((link) => [link, this.book.answersOf(link.identity.number)]));
    this.askStats();
    const answered = (): boolean => this.crew.all().every((link) => this.book.answersOf(link.identity.number) !== answers.get(link));
    await this.waiters.until(answered, { timeoutMs: ASK_TIMEOUT_MS });
    return this.book.families(this.crew.serving().length);
  }

  status(): Omit<EdgeStatus, "version" | "fronts"> {
    const workers = this.crew.all().map(({ identity, served }) => ({
      number: identity.number,
      pid: identity.pid,
      phase: served.phase,
      version: served.version,
      build: identity.build,
      rssBytes: this.book.rssOf(identity.number),
    }));
    const { startFailure } = this.crew;
    return {
      wanted: this.crew.wantedNow,
      workers,
      problems: this.problems(),
      ...(startFailure !== undefined && { startFailure }),
    };
  }

  problems(): readonly ListenerProblem[] {
    return this.crew.serving().flatMap(({ served }) => served.problems);
  }

  /** Listeners that no worker could open. */
  unbound(): ReadonlySet<string> {
    const failed = this.problems().filter(({ code }) => code !== "certificate");
    const workers = this.crew.serving().length;
    return new Set([...Map.groupBy(failed, ({ listener }) => listener)].flatMap(([key, { length }]) => (length === workers ? [key] : [])));
  }

  close(): void {
    this.cancelLook?.();
    this.crew.close();
  }

  /** With no route left they leave by themselves; this only makes sure of it. */
  async dismiss(): Promise<void> {
    this.crew.want(0);
    for (const link of this.crew.all()) link.send({ type: "leave", lingerMs: 0, timeoutMs: 0 });
    await this.waiters.until(() => this.crew.all().length === 0, { timeoutMs: DISMISS_TIMEOUT_MS });
    for (const link of this.crew.all()) this.crew.kill(link, "it does not leave");
  }

  private farewell() {
    return { type: "leave", lingerMs: this.options.lingerMs ?? LINGER_MS, timeoutMs: LEAVE_TIMEOUT_MS } as const;
  }

  private connected(link: WorkerLink): void {
    this.book.connected(link.identity.number);
    // It may have read the table just before the newest one was written, and not have been there for the nudge.
    if (link.served.answered < this.version) link.send({ type: "nudge", version: this.version });
  }

  private lost(link: WorkerLink): void {
    this.book.lost(link.identity.number, link.served.cut);
    if (link.counts && this.crew.wantedNow > 0) this.book.replaced("died");
  }

  private told(link: WorkerLink, message: FromWorker): void {
    if (message.type === "stats") this.book.answered(link.identity.number, message);
    else if (message.type === "pressure") this.pressed(link, message);
    else if (message.type === "table") this.tableTold?.(message.table);
    this.waiters.look();
  }

  private pressed(link: WorkerLink, { rssBytes, boundBytes }: { rssBytes: number; boundBytes: number }): void {
    if (!link.counts) return;
    this.options.log("edge worker is above its memory bound and is replaced", { worker: link.identity.number, rssBytes, boundBytes });
    this.replace(link, "memory");
  }

  /** One at a time: a newcomer first, then the old one goes. Kept waiting behind others it still serves. */
  private replace(link: WorkerLink, reason: string): void {
    this.replacing = this.replacing
      .then(() => this.replaceNow(link, reason))
      .catch((error: unknown) => {
        this.options.log("edge worker could not be replaced", { worker: link.identity.number, why: messageOf(error) });
      });
  }

  private async replaceNow(link: WorkerLink, reason: string): Promise<void> {
    const there = (): boolean => this.crew.all().includes(link);
    if (!link.counts || !there()) return;
    link.condemned = true;
    this.crew.want(this.crew.wantedNow);
    const ready = (): boolean =>
      !there() || (this.crew.complete && this.crew.serving().every(({ served }) => served.answered >= this.version));
    if (!(await this.waiters.until(ready, { timeoutMs: RECOVER_TIMEOUT_MS }))) {
      link.condemned = false;
      throw new Error(this.crew.startFailure ?? "its successor does not answer");
    }
    this.book.replaced(reason);
    link.send(this.farewell());
    await this.waiters.until(() => !there() || link.served.phase === "left", { timeoutMs: LEAVE_TIMEOUT_MS });
  }

  private askStats(): void {
    for (const link of this.crew.all()) link.send({ type: "stats", since: this.book.seqOf(link.identity.number) });
  }

  private look(): void {
    this.cancelLook = this.options.clock.after(LOOK_MS, () => {
      this.askStats();
      for (const link of this.crew.serving()) if (link.served.problems.length > 0) link.send({ type: "nudge", version: this.version });
      this.look();
    });
  }
}
