import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import type { OrcoError } from "../../kernel/errors.ts";
import type { Adapter, EngineEnd, EngineFault } from "../adapters/adapter.ts";
import { failure } from "../failure.ts";
import { isReplicasOwn, isRetriable, retryDelay } from "../placement/retry.ts";
import type { EngineKind } from "../request.ts";
import { Attempt, type AttemptOptions, type Outcome } from "./attempt.ts";
import type { Lane } from "./lane.ts";
import type { LiveReplica } from "./live-replica.ts";
import type { LiveTask } from "./live-task.ts";

export interface ExecutionPorts {
  readonly clock: Clock;
  readonly adapterOf: (engine: EngineKind) => Adapter;
  readonly timeouts: AttemptOptions["timeouts"];
  readonly traceparentOf: (task: LiveTask) => string | undefined;
  /** A slot of the lane is free. */
  readonly released: (lane: Lane) => void;
  /** It wants to be tried again: `tried` is to be avoided where possible. */
  readonly again: (task: LiveTask, lane: Lane) => void;
  /** A replica other than these may take it, now or once it has a free slot. */
  readonly hasElsewhere: (task: LiveTask, lane: Lane, than: ReadonlySet<string>) => boolean;
  readonly skipped: (lane: Lane) => void;
  readonly completed: (task: LiveTask, end: EngineEnd) => void;
  readonly failed: (task: LiveTask, error: OrcoError) => void;
}

/** A dispatched task: its tries, one after the other, until one of them ends it. */
export class Execution {
  /** Replicas that have failed it. */
  readonly tried = new Set<string>();
  /** Those of them that will never take it: their key, path or model is wrong. */
  private readonly refusing = new Set<string>();
  private attempts = 0;
  private current: Attempt | undefined;
  private cancelPause: CancelTimer = () => undefined;

  constructor(
    private readonly task: LiveTask,
    private readonly lane: Lane,
    private readonly ports: ExecutionPorts,
  ) {}

  begin(replica: LiveReplica): void {
    const { task, lane, ports } = this;
    this.attempts += 1;
    this.current = new Attempt({
      task,
      replica,
      adapter: ports.adapterOf(lane.engine),
      clock: ports.clock,
      timeouts: ports.timeouts,
      traceparent: ports.traceparentOf(task),
      hasElsewhere: () => this.hasElsewhere(replica),
      onOutcome: (outcome) => this.over(replica, outcome),
      onSkipped: () => ports.skipped(lane),
    });
    this.current.begin();
  }

  /** Whether it has a slot, rather than waiting to be tried again. */
  get attempting(): boolean {
    return this.current !== undefined;
  }

  /** It had better wait for another replica than be tried on this one once more. */
  avoids(replica: LiveReplica): boolean {
    return this.refusing.has(replica.id) && this.hasElsewhere(replica);
  }

  /** Frees what it holds, in this turn. Idempotent. */
  cancel(): void {
    this.cancelPause();
    this.current?.cancel();
    this.current = undefined;
  }

  pause(): void {
    this.current?.pause();
  }

  resume(): void {
    this.current?.resume();
  }

  private over(replica: LiveReplica, outcome: Outcome): void {
    const { task, lane, ports } = this;
    const delivered = this.current?.delivered ?? false;
    this.current = undefined;
    if (outcome.kind === "end") ports.completed(task, outcome.end);
    else if (outcome.kind === "timeout") ports.failed(task, this.timedOut(replica, outcome));
    else if (delivered) ports.failed(task, this.died(replica, outcome.fault));
    else this.tryAgain(replica, outcome.fault);
    ports.released(lane);
  }

  private tryAgain(replica: LiveReplica, fault: EngineFault): void {
    const { task, lane, ports } = this;
    const what = { kind: fault.kind, status: fault.facts.status };
    const isRefusal = fault.kind === "refused";
    if (isRefusal && !(isReplicasOwn(what) && this.hasElsewhere(replica))) return ports.failed(task, this.refused(fault));
    if (!isRefusal && !isRetriable(what, task.counts.tokensOut)) return ports.failed(task, this.died(replica, fault));
    this.tried.add(replica.id);
    if (isRefusal) this.refusing.add(replica.id);
    const delayMs = retryDelay(this.attempts, ports.clock.random(), fault.facts.retryAfterMs);
    if (delayMs === undefined) return ports.failed(task, isRefusal ? this.refused(fault) : this.exhausted(fault));
    this.cancelPause = ports.clock.after(delayMs, () => ports.again(task, lane));
  }

  private hasElsewhere({ id }: LiveReplica): boolean {
    return this.ports.hasElsewhere(this.task, this.lane, new Set(this.tried).add(id));
  }

  private timedOut(replica: LiveReplica, { waited, ms }: Outcome & { kind: "timeout" }): OrcoError {
    const what = waited === "first_token" ? "sent no token" : "sent no further token";
    return failure(
      "DECODE_TIMEOUT",
      `replica ${replica.id} of ${this.lane.id} ${what} within ${ms} ms; the request was given up`,
      this.engine,
    );
  }

  private died(replica: LiveReplica, fault: EngineFault): OrcoError {
    const tell = (why: string): string =>
      `replica ${replica.id} of ${this.lane.id} broke off after ${this.task.counts.tokensOut} tokens (${why}); what came is not the whole answer, ask again`;
    return failure("WORKER_RESET", tell(fault.message), { ...this.engine, retriable: true, ...keptOf(fault, tell) });
  }

  private refused(fault: EngineFault): OrcoError {
    const { status, body } = fault.facts;
    const tell = (why: string): string => `the engine refused the request: ${why}`;
    const facts = {
      ...this.engine,
      retriable: false,
      ...keptOf(fault, tell),
      ...(status !== undefined && { engine_status: status }),
      ...(body !== undefined && { engine_error: body }),
    };
    return failure("INVALID_PARAMS", tell(fault.message), facts);
  }

  private exhausted(fault: EngineFault): OrcoError {
    const tries = this.attempts === 1 ? "1 try" : `${this.attempts} tries`;
    const tell = (why: string): string => `no replica of ${this.lane.id} answered in ${tries}; the last one: ${why}`;
    return failure("REPLICA_EXHAUSTED", tell(fault.message), { ...this.engine, ...keptOf(fault, tell) });
  }

  private get engine(): { engine: string } {
    return { engine: this.lane.engine };
  }
}

/** `tell`: the message, given why. */
function keptOf({ facts: { kept } }: EngineFault, tell: (why: string) => string): { readonly kept?: string } {
  return kept === undefined ? {} : { kept: tell(kept) };
}
