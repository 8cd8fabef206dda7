/** How many may do something at once. Who waits is served in order; who holds one and may let go asks `wanted`. */
export class Slots {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  get wanted(): boolean {
    return this.waiting.length > 0;
  }

  /** Resolves with how to give it back. Rejects with the signal's reason when aborted first. */
  take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.free > 0) {
      this.free -= 1;
      return Promise.resolve(this.giver());
    }
    return new Promise((resolve, reject) => {
      const serve = (): void => {
        signal.removeEventListener("abort", leave);
        resolve(this.giver());
      };
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(serve), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.waiting.push(serve);
    });
  }

  private giver(): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = this.waiting.shift();
      if (next) next();
      else this.free += 1;
    };
  }
}
