import type { CancelTimer } from "../../kernel/clock.ts";
import { failure } from "../failure.ts";
import { chooseReplica, type Decision } from "../placement/decide.ts";
import { mayTake } from "../placement/verdict.ts";
import type { PlacedTask } from "../placement/snapshot.ts";
import type { PoolLoad, PoolWork } from "../pools/pool.ts";
import type { Affinities } from "./affinities.ts";
import type { Endings } from "./endings.ts";
import { Execution, type ExecutionPorts } from "./execution.ts";
import type { Lane } from "./lane.ts";
import type { Lanes } from "./lanes.ts";
import type { LiveReplica } from "./live-replica.ts";
import type { LiveTask } from "./live-task.ts";
import type { Roster } from "./roster.ts";
import type { DeskOptions } from "./options.ts";

/** While something waits: for circuits that close again, and for pools that stay away too long. */
const LOOK_MS = 250;
/** Behind a head of the queue whose own replicas are taken, this many are looked at. */
const MAX_LOOKS = 512;

export interface DispatcherParts {
  readonly lanes: Lanes;
  readonly roster: Roster;
  readonly endings: Endings;
  readonly affinities: Affinities;
  readonly placed: (task: LiveTask) => PlacedTask;
}

/** Lets waiting tasks begin as slots become free, and does what the pools ask for. */
export class Dispatcher implements PoolWork {
  private readonly ports: ExecutionPorts;
  private cancelLook: CancelTimer | undefined;
  private closed = false;

  constructor(
    private readonly options: DeskOptions,
    private readonly parts: DispatcherParts,
  ) {
    const { clock, adapterOf, timeouts } = options;
    const { endings } = parts;
    this.ports = {
      clock,
      adapterOf,
      timeouts,
      traceparentOf: (task) => options.spans.traceparentOf(task.request),
      // A pool that was removed and is back has the same engines.
      released: (lane) => this.pump(parts.lanes.get(lane.id) ?? lane),
      again: (task, lane) => this.again(task, lane),
      hasElsewhere: (task, lane, than) => this.hasElsewhere(task, lane, than),
      skipped: (lane) => options.meter.frameSkipped(lane.id),
      completed: (task, end) => endings.complete(task, end),
      failed: (task, error) => endings.fail(task, error),
    };
  }

  /** Begins what can begin: first what is tried again, then the queue in its order. */
  pump(lane: Lane): void {
    if (this.closed) return;
    while (this.retry(lane));
    while (this.begin(lane));
    this.options.meter.queueDepth(lane.id, lane.queue.size);
    if (lane.queue.size > 0 || lane.retrying.length > 0) this.lookLater();
  }

  changed(id: string): void {
    const before = this.warm(id);
    const { lane, gone } = this.parts.lanes.sync(id);
    const now = this.warm(id);
    for (const replica of before) if (!now.has(replica)) this.options.sessions.replicaGone(`${id}/${replica}`);
    if (!lane) return;
    const why = gone ? `the pool ${id} was removed` : undefined;
    for (const task of [...this.waiting(lane), ...(gone ? lane.retrying.splice(0) : [])]) {
      const { model } = task.request;
      const lost = why ?? (lane.models.includes(model) ? undefined : `the pool ${id} no longer serves ${model}`);
      if (lost !== undefined) this.parts.endings.fail(task, failure("POOL_UNAVAILABLE", `${lost} while the task waited; ask again`));
    }
    if (!gone) {
      this.unserved(lane, this.allWaiting(lane));
      return this.pump(lane);
    }
    lane.queue.clear();
    this.parts.affinities.forget(id);
  }

  expire(id: string, reason: string): void {
    const mine = this.parts.roster.underWay().filter(({ standing }) => standing.pool === id);
    for (const task of mine) this.parts.endings.fail(task, failure("POOL_UNREADY", reason));
  }

  purge(id: string): number {
    const lane = this.parts.lanes.get(id);
    this.parts.affinities.forget(id);
    const waiting = lane ? this.waiting(lane) : [];
    for (const task of waiting)
      this.parts.endings.fail(task, failure("POOL_UNAVAILABLE", `the queue of ${id} was purged; ask again`, { retriable: true }));
    return waiting.length;
  }

  load(id: string): PoolLoad {
    const lane = this.parts.lanes.get(id);
    const inFlight = new Map(lane?.replicas.map((replica) => [replica.id, replica.inFlight]));
    const { clock } = this.options;
    let breakers: PoolLoad["breakers"];
    return {
      queueDepth: lane?.queue.size ?? 0,
      inFlight,
      // Asked by views alone: heartbeats and health checks want the counts, often.
      get breakers() {
        const now = clock.monotonic();
        return (breakers ??= new Map(lane?.replicas.map((replica) => [replica.id, replica.breaker.state(now)])));
      },
    };
  }

  /** Nothing begins any more. */
  close(): void {
    this.closed = true;
    this.cancelLook?.();
  }

  /** Replicas that hold what they were asked before. */
  private warm(id: string): ReadonlySet<string> {
    const ready = this.parts.lanes.get(id)?.replicas.filter((replica) => replica.ready) ?? [];
    return new Set(ready.map((replica) => replica.id));
  }

  private waiting(lane: Lane): LiveTask[] {
    return [...lane.queue.ids()].map((id) => this.parts.roster.get(id)).filter((task) => task !== undefined);
  }

  private again(task: LiveTask, lane: Lane): void {
    if (task.ended) return;
    if (this.parts.lanes.get(lane.id) !== lane)
      return this.parts.endings.fail(
        task,
        failure("POOL_UNAVAILABLE", `the pool ${lane.id} was removed before the task could be tried again`),
      );
    lane.retrying.push(task);
    this.pump(lane);
  }

  /** Whether one of them could be dealt with. */
  private retry(lane: Lane): boolean {
    const at = lane.retrying.findIndex((task) => this.triedAgain(lane, task));
    if (at !== -1) lane.retrying.splice(at, 1);
    return at !== -1;
  }

  private triedAgain(lane: Lane, task: LiveTask): boolean {
    if (task.ended || !task.execution) return true;
    const replica = this.replicaFor(lane, task, task.execution.tried);
    if (replica && task.execution.avoids(replica)) return false;
    if (replica) this.run(lane, task, replica);
    return task.ended || replica !== undefined;
  }

  private hasElsewhere(task: LiveTask, lane: Lane, than: ReadonlySet<string>): boolean {
    const placed = this.parts.placed(task);
    return lane.replicas.some((replica) => !than.has(replica.id) && mayTake(replica, placed));
  }

  /** Whether somebody who waits was dealt with: the head of the queue or, where only its own replicas are taken, the first behind it whose are not. */
  private begin(lane: Lane): boolean {
    const now = this.options.clock.monotonic();
    const head = lane.queue.peek(now);
    if (head === undefined) return false;
    return this.begun(lane, head, now) || (lane.slotsFree > 0 && this.overtake(lane, now));
  }

  private overtake(lane: Lane, now: number): boolean {
    // Who asks for the same waits for the same replicas.
    const stuck = new Set<string>();
    let looks = 0;
    for (const id of lane.queue.inArrival(now)) {
      const { model, ctx = 0 } = this.parts.roster.get(id)?.request ?? {};
      const need = `${ctx} ${model}`;
      if (!stuck.has(need) && this.begun(lane, id, now)) return true;
      stuck.add(need);
      if (++looks >= MAX_LOOKS) break;
    }
    return false;
  }

  /** Whether it is dealt with. */
  private begun(lane: Lane, id: string, now: number): boolean {
    const task = this.parts.roster.get(id);
    if (!task) return false;
    const replica = this.replicaFor(lane, task);
    if (!replica) return task.ended;
    if (lane.queue.peek(now) === id) lane.queue.take(now);
    else lane.queue.cancel(id);
    task.move("dispatch", { dispatchedAt: now });
    task.startedWall = this.options.clock.now();
    this.options.meter.dispatchLatency(lane.id, now - task.admitted.at);
    task.execution = new Execution(task, lane, this.ports);
    const { position: queuePosition, predictedStartMs } = task.admitted;
    task.channel.started({ queuePosition, predictedStartMs });
    this.run(lane, task, replica);
    return true;
  }

  /** One with a free slot. What no replica can take any more is ended. */
  private replicaFor(lane: Lane, task: LiveTask, avoid?: ReadonlySet<string>): LiveReplica | undefined {
    const decision = this.choose(lane, task, avoid);
    if (decision.kind === "placed") return lane.replica(decision.replica ?? "");
    if (decision.kind === "refused" && decision.code !== "POOL_UNREADY")
      this.parts.endings.fail(task, failure(decision.code, decision.reason));
    return undefined;
  }

  private run(lane: Lane, task: LiveTask, replica: LiveReplica): void {
    const { clock, onDispatch } = this.options;
    lane.turn += 1;
    task.standing = { ...task.standing, replica: replica.id };
    this.parts.affinities.went(this.parts.placed(task), { pool: lane.id, replica: replica.id });
    const { expectedTokens, maxTokens } = task.request;
    const expected = expectedTokens ?? maxTokens;
    lane.drain.began(task.id, { at: clock.monotonic(), replica: replica.id, ...(expected !== undefined && { expectedTokens: expected }) });
    onDispatch(task);
    task.execution?.begin(replica);
  }

  private choose(lane: Lane, task: LiveTask, avoid?: ReadonlySet<string>): Decision {
    const placed = this.parts.placed(task);
    const affine = this.parts.affinities.of(placed);
    const hints = { turn: lane.turn, ...(affine && { affine }), ...(avoid && { avoid }) };
    return chooseReplica(lane, placed, hints);
  }

  private lookLater(): void {
    this.cancelLook ??= this.options.clock.after(LOOK_MS, () => {
      this.cancelLook = undefined;
      for (const lane of this.parts.lanes.all()) this.look(lane);
    });
  }

  private look(lane: Lane): void {
    const { firstTokenMs } = this.options.timeouts;
    // What is tried again was admitted long ago; what has come since replicas changed has somebody.
    for (const task of this.unserved(lane, lane.unserved.isEmpty ? lane.retrying : this.allWaiting(lane))) {
      const detail = `no replica of ${lane.id} has taken tasks for ${task.request.model} for ${firstTokenMs} ms; ask again when one does (orco pools)`;
      this.parts.endings.fail(task, failure("POOL_UNREADY", detail));
    }
    if (lane.queue.size > 0 || lane.retrying.length > 0) this.pump(lane);
  }

  private allWaiting(lane: Lane): LiveTask[] {
    return [...this.waiting(lane), ...lane.retrying];
  }

  /** Of those that wait the ones that nobody has been there for too long. To be asked whenever the replicas change, so that each time one is there counts. */
  private unserved(lane: Lane, waiting: readonly LiveTask[]): LiveTask[] {
    const { clock, timeouts } = this.options;
    const { placed } = this.parts;
    const left = waiting.filter(({ ended }) => !ended);
    const isOverdue = lane.unserved.look(left.map(placed), lane.replicas, clock.monotonic());
    return left.filter((task) => isOverdue(placed(task), timeouts.firstTokenMs));
  }
}
