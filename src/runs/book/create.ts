import { OrcoError } from "../../kernel/errors.ts";
import type { JsonObject, NewEvent } from "../../kernel/event.ts";
import type { RunMode, RunRecord, StepState } from "../record.ts";
import { newRun, type RunRequest } from "../request.ts";
import { contentInsert, type RunContent, runInsert, stepWrite, topicOf } from "../store.ts";
import type { Desk } from "./desk.ts";
import { Draft } from "./draft.ts";
import { hasEnded, isHeld } from "./moves.ts";
import type { Replacement } from "./replacement.ts";
import { reusedSteps } from "./reuse.ts";
import { stepEventData } from "./step-moves.ts";

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export interface CreateHow {
  readonly mode: RunMode;
  readonly owner: string;
  /** W3C trace context; left out when it is none. */
  readonly traceparent?: string;
  readonly scheduleId?: string;
  /** The id it has to have; one that is there already is returned as it is. */
  readonly id?: string;
}

export interface RetryHow {
  /** Executed again with everything that needs it; without one, everything that has not completed. */
  readonly from_step?: string;
  readonly owner: string;
  readonly traceparent?: string;
  /** As of `CreateHow`. */
  readonly id?: string;
}

/** New runs. They are answered when they are on disk. */
export class Creation {
  constructor(
    private readonly desk: Desk,
    private readonly replacement: Replacement,
  ) {}

  /** `invalid`, `too_large`, `unavailable` (the mode's engine does not answer, or there is none), `busy` (its lane refuses; facts: run), `disk_full`. */
  async create(request: RunRequest, { mode, owner, traceparent, scheduleId, id: given }: CreateHow): Promise<RunRecord> {
    const { newId, checks } = this.desk.options;
    const known = given === undefined ? undefined : this.desk.store.get(given);
    if (known) return known;
    const id = given ?? newId();
    // Of a schedule it was checked when that was made: a run that nobody is told of is better than none.
    const isSet = scheduleId === undefined ? checks.isSet : () => true;
    const { plan, input, ...made } = newRun(request, { run: id, mode }, { ...checks, isSet });
    await this.assertMode(mode);
    const run = this.record({ ...made, id, owner, ...(scheduleId !== undefined && { scheduleId }), ...traceOf(traceparent) });
    return this.admit(run, { ...(plan && { plan }), input });
  }

  /** A new run like an ended one, which takes over what that one completed. `not_found`, `conflict` (it has not ended), `invalid`; and as `create`. */
  async retry(former: string, { from_step: from, owner, traceparent, id: given }: RetryHow): Promise<RunRecord> {
    const known = given === undefined ? undefined : this.desk.store.get(given);
    if (known) return known;
    const { runs, store, options } = this.desk;
    await this.assertMode(runs.record(former).mode);
    // From here to the append nothing is awaited: retention may be about to forget it.
    const old = runs.record(former);
    if (!hasEnded(old))
      throw new OrcoError("conflict", `run ${former} has not ended: cancel it first`, { run: former, from: old.status, to: "pending" });
    const content = store.content(former);
    const steps = reusedSteps(content.plan, store.steps(former), from);
    const id = given ?? options.newId();
    const { kind, mode, name, metadata, priority, concurrency, timeoutMs, webhook } = old;
    const kept = { kind, mode, name, metadata, priority, ...(concurrency && { concurrency }), ...(webhook && { webhook }) };
    const lane = concurrency ? old.lane : topicOf(id);
    const run = this.record({
      ...kept,
      lane,
      id,
      owner,
      retryOf: former,
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...traceOf(traceparent),
    });
    return this.admit(run, content, steps);
  }

  private record(given: Omit<RunRecord, "engine" | "status" | "createdAt" | "attempt" | "dispatch" | "losses">): RunRecord {
    const createdAt = Math.trunc(this.desk.options.clock.now());
    return { engine: "plan", ...given, status: "pending", createdAt, attempt: 0, dispatch: 0, losses: 0 };
  }

  /** In its lane from now on, so that two at once do not both find a place; gone again if it cannot be written. */
  private async admit(made: RunRecord, content: RunContent, reused: readonly StepState[] = []): Promise<RunRecord> {
    const { gate, options, runs } = this.desk;
    const replaced = gate.assertEntry(made);
    gate.announce(made);
    const steps = new Map(reused.map((step) => [step.id, step]));
    const draft = this.draftOf(made, steps);
    gate.beginNew(draft);
    const { run } = draft;
    try {
      const writes = [runInsert(run), contentInsert(run.id, content), ...reused.map((step) => stepWrite(run.id, step))];
      await options.journal.append([...eventsOf(made, reused), ...draft.events], writes);
    } catch (error) {
      gate.retract(made);
      throw error;
    }
    if (isHeld(run)) runs.introduce(run, { content, steps }, made);
    else gate.sync(run);
    for (const id of replaced) this.replacement.replace(id, run.id);
    return made;
  }

  /** Of a run that is nowhere yet. */
  private draftOf(run: RunRecord, steps: ReadonlyMap<string, StepState>): Draft {
    const { clock, newId } = this.desk.options;
    const { size } = steps;
    const before = { run, step: (id: string) => steps.get(id), steps: () => steps.values(), stepCount: () => size };
    const unsigned = { signal: () => undefined, signalCount: () => 0 };
    return new Draft({ ...before, ...unsigned }, { now: Math.trunc(clock.now()), newId });
  }

  private async assertMode(mode: RunMode): Promise<void> {
    if (mode === "local") return;
    const dispatcher = this.desk.options.dispatchers[mode];
    if (!dispatcher) throw new OrcoError("unavailable", `this daemon executes nothing in mode ${mode}: ${NEEDS[mode]}`, { mode });
    await dispatcher.assertAvailable();
  }
}

const NEEDS = { redis: "set REDIS_URL", k8s: "it found no Kubernetes configuration (KUBECONFIG)" };

function eventsOf(run: RunRecord, steps: readonly StepState[]): NewEvent[] {
  const topic = topicOf(run.id);
  const { id: runId, kind, status, name } = run;
  const reused = steps.map((step) => ({ topic, type: `step.${step.status}`, data: { runId, ...stepEventData(step) } as JsonObject }));
  return [{ topic, type: `run.${status}`, data: { runId, kind, status, name } }, ...reused];
}

function traceOf(traceparent: string | undefined): Pick<RunRecord, "traceparent"> {
  return traceparent !== undefined && TRACEPARENT.test(traceparent) ? { traceparent } : {};
}
