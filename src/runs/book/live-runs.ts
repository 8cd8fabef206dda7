import type { RunRecord } from "../record.ts";
import { type BookStore, noRun } from "../store.ts";
import type { Draft } from "./draft.ts";
import { type Known, LiveRun, type LiveRunDeps } from "./live-run.ts";
import { isHeld } from "./moves.ts";

/** Runs in memory: those that somebody executes, and for a moment those that somebody changes. */
export class LiveRuns {
  private readonly runs = new Map<string, LiveRun>();
  private readonly deps: LiveRunDeps;

  constructor(deps: Omit<LiveRunDeps, "onSettled">, onSettled: LiveRunDeps["onSettled"]) {
    this.deps = {
      ...deps,
      onSettled: (live, before) => {
        onSettled(live, before);
        this.dropIfIdle(live);
      },
    };
  }

  get size(): number {
    return this.runs.size;
  }

  /** Read from disk where it is not in memory. Change it at once: what nobody executes is forgotten in the next turn. `not_found`. */
  get(id: string): LiveRun {
    const known = this.runs.get(id);
    if (known) return known;
    const run = this.store.get(id);
    if (!run) throw noRun(id);
    return this.keep(run);
  }

  keep(run: RunRecord, known: Known = {}): LiveRun {
    const live = new LiveRun(run, this.deps, known);
    this.runs.set(run.id, live);
    return live;
  }

  /** A new one that has begun when it was written: nothing of it has to be read. `made`: as it was before. */
  introduce(run: RunRecord, known: Known, made: RunRecord): void {
    this.deps.onSettled(this.runs.get(run.id) ?? this.keep(run, known), made);
  }

  /** As it is on disk. */
  find(id: string): RunRecord | undefined {
    return this.runs.get(id)?.run ?? this.store.get(id);
  }

  /** As it is on disk. `not_found`. */
  record(id: string): RunRecord {
    const run = this.find(id);
    if (!run) throw noRun(id);
    return run;
  }

  /** One change of a run, in memory for as long as it takes. `not_found`, and what `make` throws. */
  async change<T>(id: string, make: (draft: Draft, live: LiveRun) => T): Promise<T> {
    const live = this.get(id);
    try {
      return await live.change((draft) => make(draft, live));
    } finally {
      this.dropIfIdle(live);
    }
  }

  /** What waits for changes of a run, and changes nothing itself. `not_found`. */
  async watching<T>(id: string, wait: (live: LiveRun) => Promise<T>): Promise<T> {
    const live = this.get(id);
    try {
      return await wait(live);
    } finally {
      this.dropIfIdle(live);
    }
  }

  private get store(): BookStore {
    return this.deps.store;
  }

  private dropIfIdle(live: LiveRun): void {
    const { run } = live;
    if (this.runs.get(run.id) === live && !isHeld(run) && (run.endedAt !== undefined || live.isIdle)) this.runs.delete(run.id);
  }
}
