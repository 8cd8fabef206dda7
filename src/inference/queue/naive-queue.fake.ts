import type { QueueOptions } from "./queue.ts";
import type { Waiting } from "./waiting.ts";

interface Key {
  readonly key: string;
  readonly tasks: Waiting[];
  start: number;
}

/** One class, walked round by round: every key of the ring is visited in its turn, and served once its share covers its head. */
class NaiveLane {
  private round = 0;

  constructor(readonly ring: Key[] = []) {}

  copy(): NaiveLane {
    const lane = new NaiveLane(this.ring.map((key) => ({ ...key, tasks: [...key.tasks] })));
    lane.round = this.round;
    return lane;
  }

  add(task: Waiting): void {
    const found = this.ring.find(({ key }) => key === task.key);
    if (found) found.tasks.push(task);
    else this.ring.push({ key: task.key, tasks: [task], start: this.round });
  }

  take(): Waiting | undefined {
    if (this.ring.length === 0) return undefined;
    for (let round = this.round; ; round++) {
      const key = this.ring.find(({ start, tasks }) => start + (tasks[0]?.cost ?? 0) === round);
      if (!key) continue;
      this.round = round;
      key.start = round;
      const head = key.tasks[0];
      if (head) this.remove(head.id);
      return head;
    }
  }

  remove(id: string): boolean {
    const key = this.ring.find(({ tasks }) => tasks.some((task) => task.id === id));
    if (!key) return false;
    key.tasks.splice(
      key.tasks.findIndex((task) => task.id === id),
      1,
    );
    const head = key.tasks[0];
    if (head) key.start = Math.max(key.start, this.round - head.cost);
    else this.ring.splice(this.ring.indexOf(key), 1);
    return true;
  }
}

/** What the admission queue has to do, done in the plainest way. */
export class NaiveQueue {
  private arrivals: Waiting[] = [];

  constructor(
    private readonly options: QueueOptions,
    private readonly interactive = new NaiveLane(),
    private readonly batch = new NaiveLane(),
  ) {}

  enqueue(task: Waiting): string {
    let outcome = "accepted";
    if (this.arrivals.length >= this.options.capacity) {
      if (this.options.policy === "reject") return "ADMISSION_REJECT";
      outcome = (this.arrivals.find(({ priority }) => priority === "batch") ?? this.arrivals[0])?.id ?? "";
      this.cancel(outcome);
    }
    this.arrivals.push(task);
    (task.priority === "batch" ? this.batch : this.interactive).add(task);
    return outcome;
  }

  take(now: number): string | undefined {
    const aged = this.arrivals.find(({ priority, at }) => priority === "batch" && now - at >= this.options.ageingMs);
    if (aged) this.cancel(aged.id);
    const id = (aged ?? this.interactive.take() ?? this.batch.take())?.id;
    this.arrivals = this.arrivals.filter((task) => task.id !== id);
    return id;
  }

  cancel(id: string): boolean {
    this.arrivals = this.arrivals.filter((task) => task.id !== id);
    return this.interactive.remove(id) || this.batch.remove(id);
  }

  /** Everything, in the order in which it would be taken now. */
  order(now: number): string[] {
    const copy = new NaiveQueue(this.options, this.interactive.copy(), this.batch.copy());
    copy.arrivals = [...this.arrivals];
    const ids: string[] = [];
    for (let id = copy.take(now); id !== undefined; id = copy.take(now)) ids.push(id);
    return ids;
  }
}
