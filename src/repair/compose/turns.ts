/** One at a time for each project: whoever replaces a container asserts that no other of the project changes meanwhile. */
export class ProjectTurns {
  private readonly last = new Map<string, Promise<unknown>>();

  /** Rejects with the signal's reason when it is aborted before the turn has come; from then on `act` alone decides when it ends. */
  async take<T>(project: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const left = Promise.withResolvers<never>();
    const leave = (): void => left.reject(signal.reason as Error);
    signal.addEventListener("abort", leave, { once: true });
    const begin = (): Promise<T> => {
      signal.removeEventListener("abort", leave);
      signal.throwIfAborted();
      return act();
    };
    const mine = (this.last.get(project) ?? Promise.resolve()).then(begin);
    const quiet: Promise<void> = mine.then(
      () => this.done(project, quiet),
      () => this.done(project, quiet),
    );
    this.last.set(project, quiet);
    return Promise.race([mine, left.promise]);
  }

  private done(project: string, which: Promise<void>): void {
    if (this.last.get(project) === which) this.last.delete(project);
  }
}
