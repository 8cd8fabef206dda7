import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { NewCheckpoint, StepChange } from "../runs/record.ts";
import type { ReportRequest } from "../runs/worker-wire.ts";
import { insist } from "./insist.ts";

interface ReportsOptions {
  readonly clock: Clock;
  /** Aborts when nothing may be written any more. */
  readonly signal: AbortSignal;
  readonly send: (request: ReportRequest) => Promise<unknown>;
  /** They are on disk. */
  readonly onRecorded: (changes: readonly StepChange[]) => void;
}

interface Entry {
  readonly changes: readonly StepChange[];
  readonly checkpoints: readonly NewCheckpoint[];
  readonly bytes: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** Of one request, unless a single report is larger. */
const MAX_BYTES = 512 * 1024;
const MAX_ENTRIES = 200;

/** Reports in the order in which they were made, one request at a time; what comes meanwhile goes with the next one. */
export class Reports {
  private readonly waiting: Entry[] = [];
  private sending = false;
  private n = 0;

  constructor(private readonly options: ReportsOptions) {}

  /** Resolves when it is on disk; rejects with the daemon's refusal, or with the signal's reason. */
  add(changes: readonly StepChange[], checkpoints: readonly NewCheckpoint[]): Promise<void> {
    const bytes = JSON.stringify([changes, checkpoints]).length;
    return new Promise((resolve, reject) => {
      this.waiting.push({ changes, checkpoints, bytes, resolve, reject });
      if (!this.sending) void this.sendAll();
    });
  }

  private async sendAll(): Promise<void> {
    this.sending = true;
    // Whatever is reported in this turn goes together.
    await Promise.resolve();
    for (let batch = this.take(); batch.length > 0; batch = this.take()) await this.deliver(batch);
    this.sending = false;
  }

  private take(): Entry[] {
    let bytes = 0;
    const first = this.waiting.findIndex((entry, at) => at >= MAX_ENTRIES || ((bytes += entry.bytes) > MAX_BYTES && at > 0));
    return this.waiting.splice(0, first === -1 ? this.waiting.length : first);
  }

  private async deliver(batch: readonly Entry[]): Promise<void> {
    try {
      await this.send(batch);
    } catch (error) {
      // One step that somebody else has ended first spoils the whole request, though not the other reports in it.
      if (batch.length > 1 && isOfOneStep(error)) for (const entry of batch) await this.deliver([entry]);
      else for (const entry of batch) entry.reject(error);
      return;
    }
    this.options.onRecorded(batch.flatMap(({ changes }) => changes));
    for (const entry of batch) entry.resolve();
  }

  private send(batch: readonly Entry[]): Promise<unknown> {
    const { clock, signal, send } = this.options;
    const changes = batch.flatMap((entry) => entry.changes);
    const checkpoints = batch.flatMap((entry) => entry.checkpoints);
    const n = ++this.n;
    return insist(clock, signal, () => send({ n, ...(changes.length > 0 && { changes }), ...(checkpoints.length > 0 && { checkpoints }) }));
  }
}

/** Somebody else has ended that step: the run goes on. */
export function isOfOneStep(error: unknown): boolean {
  return error instanceof OrcoError && error.code === "conflict" && typeof error.facts["step"] === "string";
}
