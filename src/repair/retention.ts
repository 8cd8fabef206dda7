import type { Clock } from "../kernel/clock.ts";
import { messageOf } from "../kernel/errors.ts";
import type { Write } from "../kernel/event.ts";
import type { Journal } from "../kernel/journal.ts";
import type { RepairFiles } from "./files.ts";

const TICK_MS = 60_000;
const DAY_MS = 86_400_000;
/** Runs looked at in one step; others get their turn in between. */
const BATCH = 50;

export interface KeepBounds {
  /** After the end of a run. */
  readonly keepDays: number;
  /** Of those that have ended. */
  readonly keep: number;
  /** So long the loop breaker remembers what was repaired: rows stay, though their artifacts go. Milliseconds. */
  readonly breakerMs: number;
}

export interface EndedRepair {
  readonly run: string;
  /** Epoch ms. */
  readonly endedAt: number;
}

interface Choice {
  /** Runs whose artifacts go. */
  readonly artifacts: readonly string[];
  /** Of those, the ones of which nothing stays. */
  readonly whole: readonly string[];
}

/** Of ended runs, oldest first, what goes: what is too old, and the oldest of what is too much. `excess`: how many there are beyond those to be kept. */
export function toForget(ended: readonly EndedRepair[], { excess, now, ...bounds }: KeepBounds & { excess: number; now: number }): Choice {
  const going = ended.filter(({ endedAt }, at) => at < excess || now - endedAt > bounds.keepDays * DAY_MS);
  const whole = going.filter(({ endedAt }) => now - endedAt > bounds.breakerMs);
  return { artifacts: going.map(({ run }) => run), whole: whole.map(({ run }) => run) };
}

export interface RepairRetentionOptions extends KeepBounds {
  readonly journal: Pick<Journal, "append" | "query" | "trim">;
  readonly files: Pick<RepairFiles, "remove">;
  readonly clock: Clock;
  /** What else lies about of runs whose artifacts go: images. */
  readonly onForget?: (runs: readonly string[]) => Promise<void>;
  readonly log: (message: string) => void;
}

/** Forgets repairs that ended long ago, or are too many: artifacts, then events, then rows. Never one under way, nor one that a retry under way takes from. */
export class RepairRetention {
  private stopped = false;
  private cancel: () => void = () => undefined;

  constructor(private readonly options: RepairRetentionOptions) {}

  /** Once a minute, from a minute after now. Whatever a full disk refuses is tried again then. */
  start(): void {
    this.cancel = this.options.clock.after(TICK_MS, () => {
      this.sweep()
        .catch((error: unknown) => this.options.log(`retention of repairs: ${messageOf(error)}`))
        .finally(() => !this.stopped && this.start());
    });
  }

  stop(): void {
    this.stopped = true;
    this.cancel();
  }

  /** Resolves with the number of runs of which nothing is left. */
  async sweep(): Promise<number> {
    const { clock, files, keep } = this.options;
    let excess = this.count() - keep;
    let forgotten = 0;
    let after: EndedRepair = { run: "", endedAt: -1 };
    for (let page = this.page(after); page.length > 0 && !this.stopped; page = this.page(after)) {
      const { artifacts, whole } = toForget(page, { ...this.options, excess, now: clock.now() });
      if (artifacts.length === 0) break;
      const gone = new Set(artifacts.filter((run) => this.removed(run, files)));
      await this.options.onForget?.([...gone]);
      // Of one whose files stay the row stays too: the next sweep tries again.
      const forgettable = whole.filter((run) => gone.has(run));
      await this.forget(forgettable);
      forgotten += forgettable.length;
      excess -= page.length;
      after = page.at(-1) ?? after;
    }
    return forgotten;
  }

  private removed(run: string, files: Pick<RepairFiles, "remove">): boolean {
    try {
      files.remove(run);
      return true;
    } catch (error) {
      this.options.log(`retention of repairs: the artifacts of ${run} cannot be removed: ${messageOf(error)}`);
      return false;
    }
  }

  private count(): number {
    const sql = "SELECT count(*) AS count FROM repairs WHERE ended_at IS NOT NULL";
    return this.options.journal.query<{ count: number }>(sql)[0]?.count ?? 0;
  }

  private page({ run, endedAt }: EndedRepair): readonly EndedRepair[] {
    const sql = `SELECT run, ended_at AS endedAt FROM repairs WHERE ended_at IS NOT NULL AND (ended_at, run) > (?, ?)
      AND run NOT IN (SELECT row ->> '$.retryOf' FROM repairs WHERE ended_at IS NULL AND row ->> '$.retryOf' IS NOT NULL)
      ORDER BY ended_at, run LIMIT ?`;
    return this.options.journal.query<EndedRepair>(sql, [endedAt, run, BATCH]);
  }

  /** Events first: a daemon that dies in between finds the rows again. */
  private async forget(runs: readonly string[]): Promise<void> {
    if (runs.length === 0) return;
    const { journal } = this.options;
    for (const run of runs) await journal.trim({ topicPrefix: `run/${run}`, keepPerTopic: 0 });
    await journal.append([], runs.flatMap(forgetWrites));
  }
}

function forgetWrites(run: string): Write[] {
  return [
    { sql: "DELETE FROM repairs WHERE run = ?", params: [run] },
    { sql: "DELETE FROM run_steps WHERE run = ?", params: [run] },
    { sql: "DELETE FROM runs WHERE id = ?", params: [run] },
  ];
}
