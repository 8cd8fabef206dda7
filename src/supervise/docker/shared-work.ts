/** What an asker gets told while the work goes on. */
export interface Asker<Told> {
  readonly signal?: AbortSignal | undefined;
  readonly told: Told;
}

interface Work<Result, Told> {
  readonly result: Promise<Result>;
  readonly askers: Set<Asker<Told>>;
  readonly controller: AbortController;
  /** Where it is now, for who joins. */
  state?: (told: Told) => void;
}

/** Tells all askers. `state`: it stays true until the next one, so who joins later is told too. */
export type Tell<Told> = (say: (told: Told) => void, kind?: "state") => void;

/**
 * One piece of work at a time by its key, for all who ask for it meanwhile. Who aborts leaves with the reason of his signal;
 * when the last one leaves, the work is aborted.
 */
export class SharedWork<Result, Told> {
  private readonly under = new Map<string, Work<Result, Told>>();

  async join(key: string, asker: Asker<Told>, work: (tell: Tell<Told>, signal: AbortSignal) => Promise<Result>): Promise<Result> {
    asker.signal?.throwIfAborted();
    const mine = this.under.get(key) ?? this.begin(key, work);
    mine.askers.add(asker);
    mine.state?.(asker.told);
    const { promise: left, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => {
      mine.askers.delete(asker);
      if (mine.askers.size === 0) this.cancel(key, mine, asker.signal?.reason);
      reject(asker.signal?.reason);
    };
    asker.signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([mine.result, left]);
    } finally {
      mine.askers.delete(asker);
      asker.signal?.removeEventListener("abort", onAbort);
    }
  }

  private begin(key: string, work: (tell: Tell<Told>, signal: AbortSignal) => Promise<Result>): Work<Result, Told> {
    const askers = new Set<Asker<Told>>();
    const controller = new AbortController();
    const tell: Tell<Told> = (say, kind) => {
      if (kind === "state") mine.state = say;
      for (const { told } of askers) say(told);
    };
    // Not before the first asker is among those who are told.
    const result = Promise.resolve().then(() => work(tell, controller.signal));
    const mine: Work<Result, Told> = { result, askers, controller };
    this.under.set(key, mine);
    const over = (): void => this.drop(key, mine);
    result.then(over, over);
    return mine;
  }

  private cancel(key: string, work: Work<Result, Told>, reason: unknown): void {
    // Who asks from now on gets work of his own, not the end of this.
    this.drop(key, work);
    work.controller.abort(reason);
  }

  private drop(key: string, work: Work<Result, Told>): void {
    if (this.under.get(key) === work) this.under.delete(key);
  }
}
