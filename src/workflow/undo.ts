import type { Clock } from "../kernel/clock.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { Json } from "../kernel/event.ts";
import type { StepOptions } from "./define.ts";
import { patiently } from "./patience.ts";
import { perform } from "./perform.ts";
import type { RunError, StepEvent, StepRow } from "./run.ts";
import type { StepChange, StepLog } from "./step-log.ts";

/** Bound of one undo, unless its step says otherwise. */
const UNDO_TIMEOUT_MS = 60_000;
/** How long, after everything else is undone, work that ignored its signal may take to end. */
const STRAY_MS = 60_000;

interface Entry {
  readonly undo: (result: Json | undefined, signal: AbortSignal) => Promise<void>;
  readonly timeoutMs: number;
  result: Json | undefined;
  /** Its work goes on although it was told to end: undone at its place, and again when it has ended. */
  stray: boolean;
}

interface UndosOptions {
  readonly log: StepLog;
  readonly clock: Clock;
  readonly isAbandoned: () => boolean;
  readonly onError: (error: unknown) => void;
}

/** What is to be undone of one run, and the undoing: one at a time, each bounded, one that fails does not stop the others. */
export class Undos {
  private readonly entries = new Map<string, Entry>();
  private readonly strays = new Map<string, Promise<void>>();
  private turn: Promise<void> = Promise.resolve();
  private over = false;

  constructor(private readonly options: UndosOptions) {}

  register<T extends Json>(name: string, { undo, undoTimeoutMs = UNDO_TIMEOUT_MS }: StepOptions<T>, result?: Json): void {
    if (!undo) return;
    const call = (given: Json | undefined, signal: AbortSignal): Promise<void> => undo(given as T | undefined, signal);
    this.entries.set(name, { undo: call, timeoutMs: undoTimeoutMs, result, stray: false });
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  returned(name: string, result: Json): void {
    const entry = this.entries.get(name);
    if (entry) entry.result = result;
  }

  /** Takes charge of work that goes on after its step has failed: whatever it still does is undone when it has ended. */
  stray(name: string, work: Promise<Json>): void {
    const entry = this.entries.get(name);
    if (entry) entry.stray = true;
    const ended = work.then(
      (result) => this.returned(name, result),
      () => undefined,
    );
    this.strays.set(name, ended.then(() => this.strayEnded(name, entry)).catch(this.options.onError));
  }

  /** Steps with an undo that has not run to its end, latest first. */
  open(): readonly StepRow[] {
    const done = new Set<string>(["undone", "undo_failed"]);
    return this.options.log
      .all()
      .filter((row) => row.undoable && !done.has(row.status))
      .toReversed();
  }

  /** Undoes all that is open, latest first. Does nothing more once the daemon leaves. */
  async unwind(cause: RunError): Promise<void> {
    for (const { name } of this.open()) await this.inTurn(() => this.undoOne(name, cause));
    await this.finish();
  }

  /** Waits for strays, bounded; what ends later than that is only told. */
  async finish(): Promise<void> {
    const bound = { signal: AbortSignal.abort(), ms: STRAY_MS };
    if (this.strays.size > 0) await patiently(this.options.clock, Promise.all(this.strays.values()), bound);
    this.over = true;
    for (const name of this.strays.keys()) {
      const why = "its work was told to end and has not";
      this.options.onError(new OrcoError("internal", `step ${name}: ${why}`, { step: name }));
      if (this.entries.has(name) && !this.options.isAbandoned()) await this.close(name, "spoil", { detail: why });
    }
  }

  /** Runs of undo never overlap: a stray may end while others are undone. */
  private inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.turn.then(work);
    this.turn = mine.catch(() => undefined);
    return mine;
  }

  private async undoOne(name: string, cause: RunError): Promise<void> {
    if (this.options.isAbandoned() || !this.open().some((row) => row.name === name)) return;
    const entry = this.entries.get(name);
    const unknown = this.options.log.get(name)?.status === "running" ? { error: cause } : {};
    await this.note(name, "undo", unknown);
    if (!entry) return this.close(name, "spoil", { detail: "the workflow did not come to this step again" });
    const why = await this.attempt(name, entry);
    if (this.options.isAbandoned()) return;
    if (why !== undefined) return this.close(name, "spoil", { detail: why });
    if (!entry.stray) await this.close(name, "undone");
  }

  private async strayEnded(name: string, entry: Entry | undefined): Promise<void> {
    if (this.over && entry)
      this.options.onError(new OrcoError("internal", `step ${name} ended after its run: what it did stays`, { step: name }));
    if (this.over) return;
    if (entry) entry.stray = false;
    if (entry) await this.inTurn(() => this.undoOne(name, { code: "timeout", message: "it ended too late" }));
    this.strays.delete(name);
  }

  /** Why it failed; undefined when it did not. */
  private async attempt(name: string, { undo, timeoutMs, result }: Entry): Promise<string | undefined> {
    if (this.options.isAbandoned()) return undefined;
    const act = (signal: AbortSignal): Promise<void> => undo(result, signal);
    const work = { what: `undo of ${name}`, act, signal: new AbortController().signal, timeoutMs };
    const done = await perform(this.options.clock, work);
    return done.kind === "value" ? undefined : messageOf(done.error);
  }

  private async close(name: string, event: StepEvent, change: StepChange = {}): Promise<void> {
    if (this.options.log.get(name)?.status !== "undoing") await this.note(name, "undo");
    await this.note(name, event, change);
  }

  /** A record that cannot be written does not stop the undoing, which is under way on disk: the next daemon would undo it once more. */
  private async note(name: string, event: StepEvent, change: StepChange = {}): Promise<void> {
    await this.options.log.save(name, event, change).catch(this.options.onError);
  }
}
