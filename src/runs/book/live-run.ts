import { OrcoError } from "../../kernel/errors.ts";
import type { EventLog, Json } from "../../kernel/event.ts";
import { type RunRecord, type StepState } from "../record.ts";
import type { BookStore, RunContent } from "../store.ts";
import { Standing } from "./standing.ts";
import { Draft, type DraftContext, type RunNow } from "./draft.ts";

/** Changes of one run that become one transaction when they come faster than the disk. */
const MAX_BATCH = 64;
/** Changes of one run that may wait; more is a client gone wrong. */
const MAX_WAITING = 10_000;

export interface LiveRunDeps {
  readonly journal: Pick<EventLog, "append">;
  readonly store: BookStore;
  readonly context: () => DraftContext;
  /** After each batch; `undefined` when it failed, and `run` is as it was. */
  readonly onSettled: (live: LiveRun, before: RunRecord | undefined) => void;
  readonly onError: (error: unknown) => void;
}

/** What is read from disk when it is first asked for. */
interface Loaded extends Known {
  steps?: Map<string, StepState>;
  standing?: Standing;
  signals?: Set<string>;
  stepIds?: ReadonlySet<string> | null;
}

interface Change {
  readonly make: (draft: Draft) => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** What is known of a run without a look at the disk. */
export interface Known {
  readonly steps?: Map<string, StepState>;
  readonly content?: RunContent;
}

/**
 * A run that somebody works on. What it says is on disk: changes are made on a draft, one on top of the other, and come into force when the
 * transaction has been committed. Changes that arrive meanwhile wait for it and then are one transaction too.
 */
export class LiveRun implements RunNow {
  /** Counts what others than its driver have changed. Where it begins is nobody's former count. */
  seen: number;
  readonly firstSeen: number;
  /** Steps that others have changed, and at which count. */
  readonly touched = new Map<string, number>();
  readonly ended = Promise.withResolvers<RunRecord>();
  private readonly listeners = new Set<() => void>();
  private readonly watchers = new Set<(changed: Iterable<StepState>) => void>();
  private readonly waiting: Change[] = [];
  private writing = false;
  private readonly loaded: Loaded;

  constructor(
    public run: RunRecord,
    private readonly deps: LiveRunDeps,
    known: Known = {},
  ) {
    this.loaded = { ...known };
    this.firstSeen = Math.trunc(deps.context().now);
    this.seen = this.firstSeen;
  }

  /** Nobody needs it in memory. */
  get isIdle(): boolean {
    return !this.writing && this.waiting.length === 0 && this.listeners.size === 0 && this.watchers.size === 0;
  }

  step(id: string): StepState | undefined {
    return this.stepMap.get(id);
  }

  steps(): Iterable<StepState> {
    return this.stepMap.values();
  }

  stepCount(): number {
    return this.stepMap.size;
  }

  get stepMap(): ReadonlyMap<string, StepState> {
    this.loaded.steps ??= this.deps.store.steps(this.run.id);
    return this.loaded.steps;
  }

  /** Nothing is to be done before somebody has approved or sent a signal. */
  get onlyWaits(): boolean {
    this.loaded.standing ??= new Standing(this.steps());
    return this.loaded.standing.onlyWaits;
  }

  /** What it was made with; read where it is not known, and not kept. */
  get content(): RunContent {
    return this.loaded.content ?? this.deps.store.content(this.run.id);
  }

  /** Of its plan; null where it has none. */
  get stepIds(): ReadonlySet<string> | null {
    if (this.loaded.stepIds === undefined) {
      const { plan } = this.content;
      this.loaded.stepIds = plan ? new Set(plan.steps.map(({ id }) => id)) : null;
    }
    return this.loaded.stepIds;
  }

  /** Its data stays on disk: there may be 64 of them of 256 KiB each. */
  signal(name: string): { readonly data: Json } | undefined {
    if (!this.signals.has(name)) return undefined;
    return { data: this.deps.store.signal(this.run.id, name) };
  }

  signalCount(): number {
    return this.signals.size;
  }

  /** Calls `fn` after others than its driver have changed it, and when it has ended. Returns how to stop. */
  onChange(fn: () => void): () => void {
    this.listeners.add(fn);
    return () => void this.listeners.delete(fn);
  }

  /** Calls `fn` with the steps that have changed after whatever is recorded. Returns how to stop. */
  watch(fn: (changed: Iterable<StepState>) => void): () => void {
    this.watchers.add(fn);
    return () => void this.watchers.delete(fn);
  }

  /** Somebody would hear of a change: who drives it. */
  get isListenedTo(): boolean {
    return this.listeners.size > 0;
  }

  /**
   * Resolves with what `make` returned when everything is on disk; rejects with what it threw, and then nothing of this change is. `make` is called
   * once, may be called later, and sees what the changes before it have made. `disk_full`, `unavailable`.
   */
  change<T>(make: (draft: Draft) => T): Promise<T> {
    if (this.waiting.length >= MAX_WAITING)
      return Promise.reject(
        new OrcoError("unavailable", `run ${this.run.id}: ${MAX_WAITING} changes wait to be written`, { retry_after_s: 1 }),
      );
    return new Promise<T>((resolve, reject) => {
      this.waiting.push({ make, resolve, reject });
      if (!this.writing) this.flush();
    });
  }

  private flush(): void {
    while (this.waiting.length > 0 && !this.writing) {
      const batch = this.waiting.splice(0, MAX_BATCH);
      const draft = new Draft(this, this.deps.context());
      const settle = batch.map((change) => attempt(change, draft));
      if (draft.isEmpty) for (const one of settle) one();
      else void this.commit(batch, draft, settle);
    }
  }

  private async commit(batch: readonly Change[], draft: Draft, settle: readonly (() => void)[]): Promise<void> {
    const before = this.run;
    this.writing = true;
    try {
      await this.deps.journal.append(draft.events, draft.allWrites());
    } catch (error) {
      this.writing = false;
      for (const { reject } of batch) reject(error);
      this.tell(() => this.deps.onSettled(this, undefined));
      return this.flush();
    }
    this.apply(draft);
    this.writing = false;
    for (const one of settle) one();
    this.tell(() => this.deps.onSettled(this, before));
    if (draft.outside || this.run.endedAt !== undefined) for (const listener of this.listeners) this.tell(listener);
    for (const watcher of this.watchers) this.tell(() => watcher(draft.changedSteps.values()));
    this.flush();
  }

  private apply(draft: Draft): void {
    this.run = draft.run;
    const { steps, standing } = this.loaded;
    for (const step of steps ? draft.changedSteps.values() : []) {
      standing?.put(steps?.get(step.id), step);
      steps?.set(step.id, step);
    }
    for (const name of draft.newSignals.keys()) this.signals.add(name);
    if (!draft.outside) return;
    this.seen += 1;
    for (const id of draft.touched) this.touched.set(id, this.seen);
  }

  private get signals(): Set<string> {
    this.loaded.signals ??= this.deps.store.signals(this.run.id);
    return this.loaded.signals;
  }

  /** A caller's mistake must not keep the others from hearing what happened. */
  private tell(fn: () => void): void {
    try {
      fn();
    } catch (error) {
      this.deps.onError(error);
    }
  }
}

/** How to tell whoever waits, once it is on disk: also a refusal may rest on what the changes before have made. */
function attempt({ make, resolve, reject }: Change, batch: Draft): () => void {
  const draft = new Draft(batch, batch.context);
  try {
    const value = make(draft) as never;
    batch.take(draft);
    return () => resolve(value);
  } catch (error) {
    return () => reject(error);
  }
}
