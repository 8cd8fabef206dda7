import { OrcoError } from "../kernel/errors.ts";

/**
 * One call of the workflow function. A run has one, or two: what is to be undone is known only to the function, so a run that unwinds
 * after a crash is led once more to the steps it had begun (`reach`), and begins none.
 */
export class Pass {
  private readonly claimed = new Set<string>();
  private readonly controller = new AbortController();
  private readonly present = new Set<Promise<unknown>>();
  private readonly allReached = Promise.withResolvers<void>();

  /** `reach`: the steps this pass is made for; absent in the pass that does the work. */
  constructor(
    readonly run: string,
    private readonly reach?: Set<string>,
  ) {}

  /** Aborts with the run, and when the pass is over. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get reaching(): boolean {
    return this.reach !== undefined;
  }

  /** Resolves when every step it was made for has been come to. */
  get reached(): Promise<void> {
    return this.allReached.promise;
  }

  /** Names are how a replay finds its steps: `internal` for one that is used twice. */
  claim(name: string): void {
    if (this.claimed.has(name))
      throw new OrcoError("internal", `the workflow has two steps named ${JSON.stringify(name)}`, { run: this.run, step: name });
    this.claimed.add(name);
    if (this.reach?.delete(name) && this.reach.size === 0) this.allReached.resolve();
  }

  /** Ends what is still under way in this pass and whatever it tries to begin. */
  close(reason: unknown): void {
    this.controller.abort(reason);
  }

  follow(signal: AbortSignal): void {
    if (signal.aborted) this.close(signal.reason);
    signal.addEventListener("abort", () => this.close(signal.reason), { once: true });
  }

  track<T>(work: Promise<T>): Promise<T> {
    const mine: Promise<unknown> = work.catch(() => undefined).finally(() => this.present.delete(mine));
    this.present.add(mine);
    return work;
  }

  /** Every step of this pass has ended; each of them is bounded once the pass is closed. */
  async quiet(): Promise<void> {
    while (this.present.size > 0) await Promise.all(this.present);
  }
}
