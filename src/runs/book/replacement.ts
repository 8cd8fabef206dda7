import { OrcoError } from "../../kernel/errors.ts";
import type { Control } from "./control.ts";
import type { Desk } from "./desk.ts";

/** How long a cancel that could not be written is left alone. */
const RETRY_MS = 1000;
/** It ends for reasons of its own now and then. */
const GONE: ReadonlySet<string> = new Set(["conflict", "not_found"]);

/** Ends the runs that give way to a newer one of their lane (policy `replace`), whatever happens between its creation and their end. */
export class Replacement {
  private closed = false;

  constructor(
    private readonly desk: Desk,
    private readonly control: Control,
  ) {}

  /** Whoever was to give way when a former daemon died. */
  start(): void {
    for (const { run, by } of this.desk.gate.superseded()) this.replace(run, by);
  }

  replace(run: string, by: string): void {
    this.control.cancel(run, { reason: `replaced by run ${by}` }).catch((error: unknown) => this.later(run, by, error));
  }

  close(): void {
    this.closed = true;
  }

  private later(run: string, by: string, error: unknown): void {
    if (this.closed || (error instanceof OrcoError && GONE.has(error.code))) return;
    this.desk.options.onError(error);
    this.desk.options.clock.after(RETRY_MS, () => this.closed || this.replace(run, by));
  }
}
