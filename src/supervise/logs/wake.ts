/** Remembers one call that came while nobody waited; an aborted signal calls too. */
export class Wake {
  private called = false;
  private resolve: (() => void) | undefined;

  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener("abort", this.call, { once: true });
  }

  readonly call = (): void => {
    this.called = true;
    this.resolve?.();
  };

  async wait(): Promise<void> {
    if (!this.called && !this.signal.aborted) await new Promise<void>((resolve) => (this.resolve = resolve));
    this.called = false;
    this.resolve = undefined;
  }

  close(): void {
    this.signal.removeEventListener("abort", this.call);
  }
}
