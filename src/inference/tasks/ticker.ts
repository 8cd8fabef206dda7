import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { rate } from "./endings.ts";
import type { LiveTask } from "./live-task.ts";
import type { Roster } from "./roster.ts";

const TICK_MS = 1000;
/** Places of waiting tasks that are told in one turn: each costs a prediction, some 0.2 ms. The others have theirs at the next. */
const MAX_PLACES = 50;

export interface TickerOptions {
  readonly clock: Clock;
  readonly roster: Roster;
  readonly depthOf: (pool: string) => number;
  /** Undefined: it does not wait. */
  readonly placeOf: (task: LiveTask) => { readonly position: number; readonly predictedStartMs: number } | undefined;
}

/** Tells those who read a task how it stands, once a second while there are any tasks, and has those forgotten that ended long ago. */
export class Ticker {
  private cancelTick: CancelTimer | undefined;
  /** How many waiting tasks were told so far: where the next turn goes on. */
  private told = 0;

  constructor(private readonly options: TickerOptions) {}

  /** A task has come. */
  start(): void {
    this.cancelTick ??= this.options.clock.after(TICK_MS, () => this.tick());
  }

  close(): void {
    this.cancelTick?.();
  }

  private tick(): void {
    this.cancelTick = undefined;
    const { roster } = this.options;
    roster.sweep();
    const read = roster.underWay().filter(({ channel, request }) => channel.readers > 0 && !request.openai);
    const waiting = read.filter(({ standing }) => standing.state === "queued");
    for (const task of read) if (task.standing.state !== "queued") this.tell(task);
    for (let n = Math.min(MAX_PLACES, waiting.length); n > 0; n--) this.tell(waiting[this.told++ % waiting.length] as LiveTask);
    if (roster.size > 0) this.start();
  }

  private tell(task: LiveTask): void {
    const { counts, standing, channel } = task;
    const place = this.options.placeOf(task);
    const said = { tokens_per_s: rate(counts), ...(!place && { tokens_out: counts.tokensOut }) };
    const queued = place && { queue_position: place.position, predicted_start_ms: place.predictedStartMs };
    // First, because a connection takes one frame a turn that may be lost: who asked for more gets that.
    channel.metrics({ queue_depth: this.options.depthOf(standing.pool), ...said, ...queued }, true);
    if (!place) channel.metrics(said, false);
  }
}
