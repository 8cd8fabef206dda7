import type { Clock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { Json } from "../../kernel/event.ts";
import type { Ledger, LogLine, RunFinish } from "../ports.ts";
import type { NewCheckpoint, StepChange } from "../record.ts";

const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 10_000;
/** The run is somebody else's now, or nobody's. */
const GONE: ReadonlySet<string> = new Set(["conflict", "not_found", "unauthorized", "forbidden", "cancelled"]);
/** What is wrong with what is recorded: trying again is no use. */
const REFUSED: ReadonlySet<string> = new Set(["invalid", "too_large", "unprocessable"]);

interface RecorderOptions {
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** The ledger does not take what this driver writes any more. */
  readonly onGone: (error: OrcoError) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * The ledger as a driver needs it: what cannot be written now (a full disk, a daemon that is away) is written later and not lost. Rejects with `conflict`
 * where a step was ended by somebody else or the run is lost, with `invalid` and the like where it is refused for good, and with `cancelled` once the driver has left.
 */
export class Recorder {
  private readonly left = new AbortController();

  constructor(private readonly options: RecorderOptions) {}

  record(changes: readonly StepChange[], checkpoints: readonly NewCheckpoint[] = []): Promise<void> {
    return this.persist(() => this.options.ledger.record(changes, checkpoints));
  }

  /** Asks how it ends whenever it tries: a cancel that comes meanwhile wins. */
  finish(end: () => RunFinish): Promise<void> {
    return this.persist(async () => this.options.ledger.finish(end()));
  }

  /** Whether the last transitions may go with the end. */
  get canFinishWith(): boolean {
    return this.options.ledger.finishWith !== undefined;
  }

  finishWith(changes: readonly StepChange[], end: () => RunFinish): Promise<void> {
    const { ledger } = this.options;
    return this.persist(async () => ledger.finishWith?.(changes, end()));
  }

  lastCheckpoint(step: string): Promise<Json | undefined> {
    return this.persist(() => this.options.ledger.lastCheckpoint(step));
  }

  log(line: LogLine): void {
    try {
      this.options.ledger.log([line]);
    } catch (error) {
      this.options.onError(error);
    }
  }

  /** Waits before something is tried for the n-th time again; not at all for the first. `cancelled` once the driver has left. */
  pause(nth: number): Promise<void> {
    return nth === 0
      ? Promise.resolve()
      : this.options.clock.sleep(Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** (nth - 1)), this.left.signal);
  }

  /** Whatever waits to be written is given up. */
  leave(): void {
    this.left.abort(new OrcoError("cancelled", "the driver of this run has left"));
  }

  private async persist<Result>(write: () => Promise<Result>): Promise<Result> {
    for (let nth = 0; ; nth++) {
      await this.pause(nth);
      this.left.signal.throwIfAborted();
      try {
        return await write();
      } catch (error) {
        this.judge(error);
        if (nth === 0) this.options.onError(error);
      }
    }
  }

  /** Returns where trying again makes sense. */
  private judge(error: unknown): void {
    this.left.signal.throwIfAborted();
    if (!(error instanceof OrcoError)) return;
    if (isStale(error) || REFUSED.has(error.code)) throw error;
    if (!GONE.has(error.code)) return;
    this.options.onGone(error);
    throw error;
  }
}

/** Somebody else ended a step first; the run is still this driver's. */
export function isStale(error: unknown): boolean {
  return error instanceof OrcoError && error.code === "conflict" && typeof error.facts["step"] === "string";
}

export function isRefused(error: unknown): error is OrcoError {
  return error instanceof OrcoError && REFUSED.has(error.code);
}
