import { OrcoError } from "../../kernel/errors.ts";
import { failure } from "../failure.ts";
import { choosePool, explain, type Explanation } from "../placement/decide.ts";
import type { PlacedTask } from "../placement/snapshot.ts";
import type { PoolWork } from "../pools/pool.ts";
import { Channel } from "../relay/channel.ts";
import type { PlaceInQueue } from "../queue/eta.ts";
import type { TaskRequest } from "../request.ts";
import type { TaskService } from "../service.ts";
import { Affinities } from "./affinities.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Endings } from "./endings.ts";
import { guardDeadline, guardModel, guardRoom, placedTask } from "./guards.ts";
import type { Lane } from "./lane.ts";
import { Lanes } from "./lanes.ts";
import { type Admitted, LiveTask, withoutInput } from "./live-task.ts";
import type { DeskOptions } from "./options.ts";
import { placeIn } from "./page.ts";
import { Roster } from "./roster.ts";
import { TaskStore } from "./store.ts";
import { Ticker } from "./ticker.ts";
import type { Accepted, TaskView } from "./task.ts";

/** Of tokens, what one turn of fair sharing is worth. */
const QUANTUM_TOKENS = 256;
/** Batch tasks that a prediction looks at as those that may get ahead by their age. */
const MAX_RIPENING = 128;

const STOPPED = "the control plane is being stopped; ask again when it is back";

/** The one writer of tasks: admits, queues, lets begin, cancels, ends. */
export class Desk implements TaskService {
  /** For the registry of pools. */
  readonly work: PoolWork;
  private readonly roster: Roster;
  private readonly lanes: Lanes;
  private readonly store: TaskStore;
  private readonly endings: Endings;
  private readonly dispatcher: Dispatcher;
  private readonly ticker: Ticker;
  private readonly affinities = new Affinities();
  /** For round-robin between pools. */
  private admissions = 0;
  private closed = false;
  private readonly placements = new WeakMap<TaskRequest, PlacedTask>();

  constructor(private readonly options: DeskOptions) {
    const { clock } = options;
    this.roster = new Roster(clock);
    this.lanes = new Lanes(options.pools, options.lane);
    this.store = new TaskStore(options);
    const { roster, lanes, store, affinities } = this;
    this.endings = new Endings({ ...options, store, lanes, roster });
    const placed = ({ request }: LiveTask): PlacedTask => this.placements.get(request) ?? placedTask(request, 0);
    this.dispatcher = new Dispatcher(options, { lanes, roster, affinities, placed, endings: this.endings });
    this.work = this.dispatcher;
    const depthOf = (pool: string): number => this.lanes.get(pool)?.queueDepth ?? 0;
    this.ticker = new Ticker({ clock, roster, depthOf, placeOf: (task) => this.placeOf(task) });
  }

  /** Ends what a former daemon left; before anything is admitted. */
  async start(): Promise<number> {
    return this.store.recover();
  }

  /** Ends what is under way, so that whoever reads it hears of it now and not from the next daemon. */
  async close(): Promise<void> {
    this.closed = true;
    this.ticker.close();
    this.dispatcher.close();
    const left = this.roster.underWay();
    for (const task of left) this.endings.fail(task, failure("WORKER_RESET", STOPPED));
    await Promise.all(left.map(({ settled }) => settled.promise));
    await this.store.close();
  }

  async accept(request: TaskRequest): Promise<Accepted> {
    const { task, lane } = this.admit(request);
    const stored = this.store.accepted(task.view(task.admitted));
    this.dispatcher.pump(lane);
    try {
      await stored;
    } catch (error) {
      this.drop(task, "the task could not be written down");
      throw error;
    }
    return acceptedAs(task);
  }

  open(request: TaskRequest): Channel {
    const { task, lane } = this.admit(request);
    this.dispatcher.pump(lane);
    return task.channel;
  }

  get(id: string): TaskView {
    const task = this.roster.get(id);
    const view = task ? this.viewOf(task) : this.store.get(id);
    if (!view) throw unknown(id);
    return view;
  }

  list({ limit, before }: { limit: number; before?: string }): TaskView[] {
    const from = before === undefined ? undefined : placeIn(before);
    const underWay = from?.underWay === false ? [] : this.roster.newest(limit, from);
    const views = underWay.map((task) => this.viewOf(task));
    if (views.length === limit) return views;
    return [...views, ...this.store.list({ limit: limit - views.length, ...(from?.underWay === false && { before: from }) })];
  }

  async cancel(id: string, why = "the task was canceled"): Promise<void> {
    const task = this.roster.get(id);
    if (!task) {
      if (!this.store.get(id)) throw unknown(id);
      return;
    }
    this.drop(task, why);
    await task.settled.promise;
  }

  channel(id: string): Channel {
    const task = this.roster.get(id);
    if (!task) throw this.store.get(id) ? forgotten(id) : unknown(id);
    if (task.request.openai)
      throw failure("CONFLICT", `the task ${id} was made over /v1: its stream belongs to that request`, { retriable: false });
    return task.channel;
  }

  explain(request: TaskRequest): Explanation {
    const { placed, known } = this.placed(request);
    return explain(this.lanes.all(), placed, { ...this.hints(placed), known });
  }

  private viewOf(task: LiveTask): TaskView {
    return task.view(this.placeOf(task));
  }

  private placeOf(task: LiveTask): { readonly position: number; readonly predictedStartMs: number } | undefined {
    const lane = this.lanes.get(task.standing.pool);
    if (task.standing.state !== "queued" || !lane) return undefined;
    const now = this.options.clock.monotonic();
    const place = lane.queue.place(task.id, now);
    if (!place) return undefined;
    const { priority } = task.request;
    return { position: place.position, predictedStartMs: this.predict(lane, { ...place, priority, waitedMs: now - task.admitted.at }) };
  }

  /** Everything up to a place in a queue, in one turn: nothing is half admitted. */
  private admit(request: TaskRequest): { readonly task: LiveTask; readonly lane: Lane } {
    let pool = "none";
    try {
      if (this.closed) throw failure("POOL_UNREADY", STOPPED);
      if (this.roster.get(request.taskId)?.ended === false)
        throw failure("CONFLICT", `a task with the id ${request.taskId} is under way`, { retriable: false });
      const lane = this.laneFor(request);
      pool = lane.id;
      guardRoom(this.roster.inputBytes, request, () => this.backoff(lane));
      return { task: this.queue(request, lane), lane };
    } catch (error) {
      this.options.meter.rejected(pool, error instanceof OrcoError ? error.code : "INTERNAL");
      this.options.onRefusal(request, error);
      throw error;
    }
  }

  private queue(request: TaskRequest, lane: Lane): LiveTask {
    const { clock, sessions, meter } = this.options;
    const { taskId: id, shareKey: key, priority, sessionId, deadlineMs } = request;
    if (sessionId !== undefined) sessions.admit(sessionId, request);
    const at = clock.monotonic();
    const expectedTokens = request.expectedTokens ?? request.maxTokens;
    const cost = Math.max(1, Math.ceil((expectedTokens ?? 0) / QUANTUM_TOKENS));
    const tokens = expectedTokens === undefined ? {} : { tokens: expectedTokens };
    const place = lane.queue.enqueue({ id, key, priority, cost, at, ...tokens }, at);
    try {
      if (place.kind === "refused") throw this.full(lane, place.code);
      lane.drain.arrived({ at, priority, ...tokens });
      const predictedStartMs = this.predict(lane, { ...place, priority });
      // What has cost another its place stays: its deadline ends it in time.
      if (place.kind === "accepted") guardDeadline(request, predictedStartMs);
      const task = this.make(request, lane, { at, wallAt: clock.now(), position: place.position, predictedStartMs });
      this.roster.put(task);
      this.ticker.start();
      if (place.kind === "evicted") this.evict(lane, place.evicted);
      meter.enqueued(lane.id, "accepted");
      if (deadlineMs !== undefined) task.cancelDeadline = clock.after(deadlineMs, () => this.late(task, deadlineMs));
      return task;
    } catch (error) {
      lane.queue.cancel(id);
      if (sessionId !== undefined) sessions.ended(sessionId, { tokens: 0, ms: 0, delivered: false, task: id });
      throw error;
    }
  }

  private laneFor(request: TaskRequest): Lane {
    const { placed, known } = this.placed(request);
    const decision = choosePool(this.lanes.all(), placed, { ...this.hints(placed), known });
    this.options.meter.placed(decision.kind === "refused" ? decision.code : decision.kind);
    if (decision.kind === "refused") throw failure(decision.code, decision.reason);
    const lane = decision.kind === "placed" ? this.lanes.get(decision.pool) : undefined;
    if (!lane) throw failure("POOL_UNAVAILABLE", decision.reason);
    this.admissions += 1;
    return lane;
  }

  private placed(request: TaskRequest): { readonly placed: PlacedTask; readonly known: boolean } {
    const { known, vramBytes } = guardModel(this.options.catalog, request.model);
    const placed = placedTask(request, vramBytes);
    this.placements.set(request, placed);
    return { placed, known };
  }

  private hints(placed: PlacedTask): { turn: number; affine?: { pool: string; replica: string } } {
    const affine = this.affinities.of(placed);
    return { turn: this.admissions, ...(affine && { affine }) };
  }

  private make(request: TaskRequest, lane: Lane, admitted: Admitted): LiveTask {
    const control = {
      pause: () => task.execution?.pause(),
      resume: () => task.execution?.resume(),
      abandoned: () => this.drop(task, "its last reader has left"),
    };
    const channel = new Channel({ request: withoutInput(request), control, clock: this.options.clock });
    const task: LiveTask = new LiveTask({ request, channel, admitted, standing: { state: "queued", pool: lane.id } });
    return task;
  }

  /** Cancels it and lets the next one begin. */
  private drop(task: LiveTask, why: string): void {
    if (task.ended) return;
    this.endings.cancel(task, why);
    this.next(task);
  }

  private evict(lane: Lane, id: string): void {
    const task = this.roster.get(id);
    if (!task) return;
    this.options.meter.rejected(lane.id, "QUEUE_FULL_DROP_LRU");
    const detail = `the queue of ${lane.id} is full, and a newer task took the place of this one; ask again`;
    this.endings.fail(task, failure("QUEUE_FULL_DROP_LRU", detail, { retriable: true, ...this.backoff(lane) }));
  }

  private late(task: LiveTask, deadlineMs: number): void {
    if (task.ended) return;
    const where = task.standing.state === "queued" ? "it was still waiting" : `${task.counts.tokensOut} tokens had come`;
    this.endings.fail(task, failure("DEADLINE_UNMET", `the task was not done within its deadline of ${deadlineMs} ms: ${where}`));
    this.next(task);
  }

  private next({ standing }: LiveTask): void {
    const lane = this.lanes.get(standing.pool);
    if (lane) this.dispatcher.pump(lane);
  }

  private full(lane: Lane, code: "ADMISSION_REJECT" | "QUEUE_FULL_DROP_LRU"): Error {
    const detail = `${lane.queue.size} tasks wait for ${lane.id} already, and no more may; come back after the time given`;
    return failure(code, detail, { policy_label: code === "ADMISSION_REJECT" ? "reject" : "drop-lru", ...this.backoff(lane) });
  }

  private backoff(lane: Lane): { retry_after_ms: number } {
    return { retry_after_ms: lane.untilPlaceFree() };
  }

  private predict(lane: Lane, place: Omit<PlaceInQueue, "slotsTotal" | "slotsFree" | "ripening">): number {
    const now = this.options.clock.monotonic();
    const ripening = place.priority === "interactive" ? lane.queue.ripening(now, MAX_RIPENING) : [];
    return Math.round(lane.predict({ ...place, ripening }, now));
  }
}

function acceptedAs({ id, admitted }: LiveTask): Accepted {
  const path = `/v2/tasks/${encodeURIComponent(id)}/events`;
  const steps = admitted.predictedStartMs > 0 ? [{ kind: "queue", position: admitted.position, eta_ms: admitted.predictedStartMs }] : [];
  return {
    job_id: id,
    task_id: id,
    queue_position: admitted.position,
    predicted_start_ms: admitted.predictedStartMs,
    backoff_ms: 0,
    streams: { sse: path, sse_verbose: `${path}?verbose=true` },
    preparation: { steps },
  };
}

function forgotten(id: string): Error {
  const detail = `the task ${id} has ended, and what it said is kept for 60 seconds only; GET /v2/tasks/${id} tells how it ended`;
  return failure("NOT_FOUND", detail, { retriable: false });
}

function unknown(id: string): Error {
  return failure("NOT_FOUND", `there is no task ${id}; ended ones are kept for 24 hours`, { retriable: false });
}
