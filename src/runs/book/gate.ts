import type { Clock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { Admission } from "../admission.ts";
import type { RunRecord } from "../record.ts";
import type { Waiting } from "../store.ts";
import type { Draft } from "./draft.ts";
import { beginRun, dispatchRun, hasEnded, isHeld, isRemote } from "./moves.ts";

/** How long what could not be written is left alone. */
const RETRY_MS = 1000;

interface GateDeps {
  readonly clock: Clock;
  readonly maxRuns: number;
  readonly change: (id: string, make: (draft: Draft) => void) => Promise<void>;
  /** SHA-256 of the token of a run that this daemon drives. */
  readonly drivenHash: (attempt: Pick<RunRecord, "id" | "attempt">) => string;
  readonly onError: (error: unknown) => void;
}

/** Lets runs through as places fall free: begins those that this daemon drives, dispatches those of redis. */
export class Gate {
  private readonly admission: Admission;
  private open = false;

  constructor(private readonly deps: GateDeps) {
    this.admission = new Admission(deps.maxRuns);
  }

  /** Nothing begins before this: what is under way has its places first. */
  start(): void {
    this.open = true;
    this.pump();
  }

  /** Throws `busy` (facts: run, retry_after_s); returns the runs that a new one replaces. */
  assertEntry(run: Pick<RunRecord, "lane" | "concurrency">): readonly string[] {
    const entry = this.admission.entry(run);
    if (entry.kind === "busy")
      throw new OrcoError("busy", `${run.concurrency?.key ?? ""} has as many runs as it may have: run ${entry.run} has not ended`, {
        run: entry.run,
        retry_after_s: 1,
      });
    return entry.kind === "replace" ? entry.runs : [];
  }

  /** Runs that were to be replaced and are there still. */
  superseded(): Iterable<{ readonly run: string; readonly by: string }> {
    return [...this.admission.superseded()];
  }

  /** It counts in its lane while it is being written. */
  announce(run: RunRecord): void {
    this.admission.enter(waitingOf(run));
  }

  /** A new run whose turn it is begins in the transaction that makes it. */
  beginNew(draft: Draft): void {
    if (this.open && this.admission.takeNew(waitingOf(draft.run))) this.carryOut(draft, false);
  }

  retract(run: RunRecord): void {
    this.admission.leave(waitingOf(run));
    this.pump();
  }

  /** Makes its place what the run on disk says. `counts`: of one under way, whether against the cap. Idempotent. */
  sync(run: RunRecord, counts = false): void {
    const waiting = waitingOf(run);
    if (hasEnded(run)) this.admission.leave(waiting);
    else if (isHeld(run)) this.admission.hold(waiting, counts);
    else if (run.status === "paused" || run.kind === "external") this.admission.rest(waiting);
    else if (!this.admission.holds(run.id)) this.admission.wait(waiting);
    this.pump();
  }

  /** What a former daemon left pending. A run that it had dispatched keeps its place where there is still one. */
  restore(waiting: Waiting, dispatch: number): void {
    if (waiting.kind === "external") this.admission.rest(waiting);
    else if (dispatch === 0 || !this.admission.tryHold(waiting)) this.admission.wait(waiting);
  }

  /** Takes the place of a run that a worker claims now. Throws `busy` when its lane is full, or it is not its turn. */
  assertTurn(run: RunRecord): void {
    const taken = run.kind === "external" ? this.admission.tryHold(waitingOf(run)) : this.admission.holds(run.id);
    if (!taken) throw new OrcoError("busy", `run ${run.id} waits for its turn in ${run.lane}`, { run: run.id, retry_after_s: 1 });
  }

  counts(id: string): boolean {
    return this.admission.counts(id);
  }

  holds(id: string): boolean {
    return this.admission.holds(id);
  }

  private pump(): void {
    if (!this.open) return;
    for (let next = this.admission.next(); next; next = this.admission.next()) this.letThrough(next);
  }

  private letThrough({ id, kind, mode }: Waiting): void {
    const remote = isRemote({ kind, mode });
    this.deps.change(id, (draft) => this.carryOut(draft, remote)).catch((error: unknown) => this.later({ id, kind, mode }, error));
  }

  private carryOut(draft: Draft, remote: boolean): void {
    const { run } = draft;
    if (run.status !== "pending" || !this.admission.holds(run.id)) return;
    if (remote) dispatchRun(draft);
    else {
      const attempt = run.attempt + 1;
      beginRun(draft, { attempt, tokenHash: this.deps.drivenHash({ id: run.id, attempt }) });
    }
  }

  /** A full disk; the run keeps its place meanwhile. */
  private later(waiting: Pick<Waiting, "id" | "kind" | "mode">, error: unknown): void {
    this.deps.onError(error);
    this.deps.clock.after(RETRY_MS, () => this.admission.holds(waiting.id) && this.open && this.letThrough(waiting as Waiting));
  }

  /** The daemon leaves. */
  close(): void {
    this.open = false;
  }
}

function waitingOf({ id, lane, kind, mode, priority, concurrency }: RunRecord): Waiting {
  return { id, lane, kind, mode, priority, ...(concurrency && { concurrency }) };
}
