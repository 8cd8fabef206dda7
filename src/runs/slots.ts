/** How many may do something at once; who asks first is served first. Who holds one and may let go looks at `wanted`. */
export class Slots {
  private readonly queue = new Set<() => void>();

  constructor(private free: number) {}

  get wanted(): boolean {
    return this.queue.size > 0;
  }

  /** False when none is free, or others wait for one already. */
  tryTake(): boolean {
    if (this.free <= 0 || this.wanted) return false;
    this.free -= 1;
    return true;
  }

  /** For what runs already: there may be fewer than none free until others have ended. */
  takeAnyway(): void {
    this.free -= 1;
  }

  /** Gives `granted` the next free one. Returns how to withdraw. */
  ask(granted: () => void): () => void {
    this.queue.add(granted);
    return () => void this.queue.delete(granted);
  }

  release(): void {
    this.free += 1;
    while (this.free > 0) {
      const [first] = this.queue;
      if (!first) return;
      this.queue.delete(first);
      this.free -= 1;
      first();
    }
  }

  /** Resolves with how to give it back, which may be called twice. Rejects with the signal's reason when aborted first. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (!this.tryTake()) await this.granted(signal);
    let isHeld = true;
    return () => {
      if (isHeld) this.release();
      isHeld = false;
    };
  }

  private granted(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        withdraw();
        reject(signal.reason as Error);
      };
      const withdraw = this.ask(() => {
        signal.removeEventListener("abort", leave);
        resolve();
      });
      signal.addEventListener("abort", leave, { once: true });
    });
  }
}
