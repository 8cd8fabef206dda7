import type { Clock } from "../../kernel/clock.ts";
import type { LiveTask } from "./live-task.ts";
import { byNewest, type Place } from "./page.ts";

/** How long the stream of an ended task can be read again. */
const KEEP_MS = 60_000;
/** Above this many, those that ended first go earlier. */
const MAX_ENDED = 4096;
/** The same of what they hold: up to 64 KiB of tokens each, or a result, which may be large. The last that ended is kept whatever it holds. */
const MAX_ENDED_BYTES = 256 * 1024 * 1024;

/** Tasks that are under way, and those that ended a moment ago. */
export class Roster {
  private readonly tasks = new Map<string, LiveTask>();
  /** In the order they ended: the monotonic ms at which they go, and what they hold. */
  private readonly leaving = new Map<LiveTask, { readonly at: number; readonly bytes: number }>();
  private endedBytes = 0;
  /** That tasks under way came with. */
  inputBytes = 0;

  constructor(private readonly clock: Clock) {}

  /** Those that are remembered. */
  get size(): number {
    return this.tasks.size;
  }

  get(id: string): LiveTask | undefined {
    this.sweep();
    return this.tasks.get(id);
  }

  put(task: LiveTask): void {
    const former = this.tasks.get(task.id);
    if (former) this.forget(former);
    this.tasks.set(task.id, task);
    this.inputBytes += task.request.bytes ?? 0;
  }

  /** A task has ended: what its engine was asked is not needed any more, and may be large. */
  dropInput(task: LiveTask): void {
    this.inputBytes -= task.request.bytes ?? 0;
    task.dropInput();
  }

  /** Those that wait or run, oldest first. */
  underWay(): LiveTask[] {
    return [...this.tasks.values()].filter(({ ended }) => !ended);
  }

  /** The same, newest first, behind `from`. */
  newest(limit: number, from?: Place): LiveTask[] {
    const placed = this.underWay().map((task) => ({ task, at: task.admitted.wallAt, id: task.id }));
    const behind = from ? placed.filter((place) => byNewest(from, place) < 0) : placed;
    return behind
      .toSorted(byNewest)
      .slice(0, limit)
      .map(({ task }) => task);
  }

  /** Of `/v1` nothing is read again. */
  ended(task: LiveTask): void {
    if (this.tasks.get(task.id) !== task) return task.channel.close();
    if (task.request.openai) return this.forget(task);
    const bytes = task.channel.keptBytes;
    this.leaving.set(task, { at: this.clock.monotonic() + KEEP_MS, bytes });
    this.endedBytes += bytes;
    this.sweep();
  }

  sweep(): void {
    const now = this.clock.monotonic();
    for (const [task, { at }] of this.leaving) {
      const isTooMuch = this.leaving.size > MAX_ENDED || (this.endedBytes > MAX_ENDED_BYTES && this.leaving.size > 1);
      if (at > now && !isTooMuch) return;
      this.forget(task);
    }
  }

  private forget(task: LiveTask): void {
    this.endedBytes -= this.leaving.get(task)?.bytes ?? 0;
    this.leaving.delete(task);
    this.tasks.delete(task.id);
    task.channel.close();
  }
}
