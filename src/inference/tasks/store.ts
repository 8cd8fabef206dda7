import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import type { NewEvent, Write } from "../../kernel/event.ts";
import type { Journal } from "../../kernel/journal.ts";
import type { TaskFailure } from "../failure.ts";
import { byNewest, type Place } from "./page.ts";
import type { TaskView } from "./task.ts";

/** Everything about inference that is journaled. */
export const TOPIC = "inference";

/** How long tasks of `/v1`, and ends that a full disk refused, wait to be written together. */
const LATER_MS = 1000;
/** More of them are written at once; while nothing can be written the oldest go. */
const MAX_LATER = 5000;
const KEEP_MS = 86_400_000;
/** However young: what is asked for by id must not fill the disk. */
const MAX_KEPT = 500_000;
const TIDY_MS = 600_000;
const BATCH = 200;
const LAST = { at: Number.MAX_SAFE_INTEGER, id: "" };

const LOST: TaskFailure = {
  code: "WORKER_RESET",
  message: "the control plane was restarted while the task waited or ran; ask again",
  retriable: true,
};

const ACCEPT = `INSERT INTO inference_tasks (id, state, row, ended_at) VALUES (?, ?, ?, NULL)
  ON CONFLICT (id) DO UPDATE SET state = excluded.state, row = excluded.row, ended_at = NULL`;
const END = `INSERT INTO inference_tasks (id, state, row, ended_at) VALUES (?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET state = excluded.state, row = excluded.row, ended_at = excluded.ended_at`;

interface Row {
  readonly row: string;
}

export interface TaskStoreOptions {
  readonly journal: Pick<Journal, "append" | "query">;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** What is on disk of tasks: that they were accepted, and how they ended. */
export class TaskStore {
  private readonly later: TaskView[] = [];
  /** How many of them, from the first on, are being written. */
  private atDisk = 0;
  /** Those that are being written for the first time, by id. */
  private readonly ending = new Map<string, TaskView>();
  private flushing: Promise<void> | undefined;
  private readonly writing = new Set<Promise<unknown>>();
  private cancelLater: CancelTimer | undefined;
  private cancelTidy: CancelTimer = () => undefined;

  constructor(private readonly options: TaskStoreOptions) {}

  /** Ends what a former daemon left; what cannot be written yet is known as ended all the same. Resolves with how many there were. */
  async recover(): Promise<number> {
    const { journal, clock } = this.options;
    const endedAt = new Date(clock.now()).toISOString();
    let count = 0;
    for (;;) {
      const rows = journal.query<Row>("SELECT row FROM inference_tasks WHERE ended_at IS NULL ORDER BY id LIMIT ?", [BATCH]);
      if (rows.length === 0) break;
      const lost = (row: Row): TaskView => lostView(viewOf(row.row), endedAt);
      try {
        await this.write(rows.map(lost));
      } catch (error) {
        this.options.onError(error);
        const left = journal.query<Row>("SELECT row FROM inference_tasks WHERE ended_at IS NULL ORDER BY id LIMIT ?", [MAX_LATER]);
        for (const row of left) this.endedLater(lost(row));
        count += left.length;
        break;
      }
      count += rows.length;
    }
    this.tidyLater();
    return count;
  }

  /** Resolves when it is on disk; rejects with `disk_full` and the like. */
  async accepted(view: TaskView): Promise<void> {
    const { task_id: id, model_ref: model, pool_id: pool, priority, queue_position: position = 0, predicted_start_ms: start = 0 } = view;
    const data = { task: id, model, pool, priority, queue_position: position, predicted_start_ms: start };
    this.supersede(id);
    await this.options.journal.append([event("task.accepted", data)], [{ sql: ACCEPT, params: [id, view.state, JSON.stringify(view)] }]);
  }

  /** Resolves when it is on disk, or when that was tried: then it is tried again, and the task ends all the same. */
  async ended(view: TaskView): Promise<void> {
    const { task_id: id } = view;
    this.ending.set(id, view);
    try {
      await this.write([view]);
    } catch (error) {
      this.options.onError(error);
      if (this.ending.get(id) === view) this.endedLater(view);
    } finally {
      if (this.ending.get(id) === view) this.ending.delete(id);
    }
  }

  /** Of a task whose connection was its life: nobody waits for the disk. */
  endedLater(view: TaskView): void {
    this.later.push(view);
    if (this.later.length > 2 * MAX_LATER) this.later.splice(this.atDisk, 1);
    if (this.later.length === MAX_LATER) this.flushSoon(0);
    else this.flushSoon(LATER_MS);
  }

  get(id: string): TaskView | undefined {
    const waiting = this.later.findLast(({ task_id: one }) => one === id);
    if (waiting) return waiting;
    const [found] = this.options.journal.query<Row>("SELECT row FROM inference_tasks WHERE id = ?", [id]);
    return found && viewOf(found.row);
  }

  /** Those that have ended, newest first, behind `before`. */
  list({ limit, before = LAST }: { limit: number; before?: Pick<Place, "at" | "id"> }): TaskView[] {
    const sql = "SELECT row FROM inference_tasks WHERE (ended_at, id) < (?, ?) ORDER BY ended_at DESC, id DESC LIMIT ?";
    const written = this.options.journal.query<Row>(sql, [before.at, before.id, limit]).map(({ row }) => viewOf(row));
    const waiting = this.later.filter((view) => byNewest(before, endOf(view)) < 0);
    if (waiting.length === 0) return written;
    const waits = new Set(waiting.map(({ task_id: id }) => id));
    const both = [...waiting, ...written.filter(({ task_id: id }) => !waits.has(id))];
    return both.toSorted((a, b) => byNewest(endOf(a), endOf(b))).slice(0, limit);
  }

  /** Writes what waits, as far as it can be written. */
  async close(): Promise<void> {
    this.cancelTidy();
    await Promise.allSettled(this.writing);
    await this.flush().catch(this.options.onError);
    this.cancelLater?.();
    this.cancelLater = undefined;
  }

  /** The end of an earlier task of this id must not be written over the new one. What is at the disk already is written before it. */
  private supersede(id: string): void {
    this.ending.delete(id);
    for (let at = this.later.length - 1; at >= 0; at--) {
      if (this.later[at]?.task_id !== id) continue;
      this.later.splice(at, 1);
      if (at < this.atDisk) this.atDisk -= 1;
    }
  }

  private flushSoon(ms: number): void {
    if (this.cancelLater && ms > 0) return;
    this.cancelLater?.();
    this.cancelLater = this.options.clock.after(ms, () => {
      this.cancelLater = undefined;
      this.flush().catch(this.options.onError);
    });
  }

  /** One at a time: two would write the same ones and drop those behind them. */
  private flush(): Promise<void> {
    return (this.flushing ??= this.writeLater().finally(() => (this.flushing = undefined)));
  }

  /** What cannot be written waits for the next turn. */
  private async writeLater(): Promise<void> {
    while (this.later.length > 0) {
      const batch = this.later.slice(0, BATCH);
      this.atDisk = batch.length;
      try {
        await this.write(batch);
        // Some of them may have been superseded meanwhile.
        this.later.splice(0, this.atDisk);
      } catch (error) {
        this.flushSoon(LATER_MS);
        throw error;
      } finally {
        this.atDisk = 0;
      }
    }
  }

  private async write(views: readonly TaskView[]): Promise<void> {
    const now = this.options.clock.now();
    const writes = views.map((view): Write => ({
      sql: END,
      params: [view.task_id, view.state, JSON.stringify(view), endOf(view).at || now],
    }));
    const written = this.options.journal.append(views.map(endEvent), writes);
    this.writing.add(written);
    try {
      await written;
    } finally {
      this.writing.delete(written);
    }
  }

  private tidyLater(): void {
    this.cancelTidy = this.options.clock.after(TIDY_MS, () => {
      this.tidyLater();
      this.tidy().catch(this.options.onError);
    });
  }

  private async tidy(): Promise<void> {
    const { journal, clock } = this.options;
    const newestOfTooMany = "SELECT ended_at FROM inference_tasks WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT 1 OFFSET ?";
    const [over] = journal.query<{ ended_at: number }>(newestOfTooMany, [MAX_KEPT]);
    const before = Math.max(clock.now() - KEEP_MS, over?.ended_at ?? 0);
    await journal.append([], [{ sql: "DELETE FROM inference_tasks WHERE ended_at < ?", params: [before] }]);
  }
}

function endEvent(view: TaskView): NewEvent {
  const {
    task_id: task,
    model_ref: model,
    pool_id: pool,
    replica_id: replica,
    state,
    tokens_out: tokensOut,
    finish_reason: finish,
    error,
  } = view;
  return event(`task.${state}`, {
    task,
    model,
    pool,
    replica,
    tokens_out: tokensOut,
    ...(finish !== undefined && { finish_reason: finish }),
    ...(error && { code: error.code, reason: error.message }),
  });
}

function event(type: string, data: NewEvent["data"]): NewEvent {
  return { topic: TOPIC, type, data };
}

/** As its view has it, which is where a page of the list goes on. */
function endOf({ ended_at: at, task_id: id }: TaskView): { readonly at: number; readonly id: string } {
  return { at: at === undefined ? 0 : Date.parse(at), id };
}

/** Its place in the queue went with the daemon that had it. */
function lostView(view: TaskView, endedAt: string): TaskView {
  const { queue_position: _, predicted_start_ms: _start, ...rest } = view;
  return { ...rest, state: "failed", error: LOST, ended_at: endedAt };
}

function viewOf(row: string): TaskView {
  return JSON.parse(row) as TaskView;
}
