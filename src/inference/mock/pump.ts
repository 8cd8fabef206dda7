/** Takes a step of every answer in each turn of the event loop, so that none waits for another and sockets are read in between. */
export class Pump {
  private readonly steps = new Set<() => boolean>();
  private turning = false;

  /** `step` is called again and again until it says false. */
  add(step: () => boolean): void {
    this.steps.add(step);
    if (this.turning) return;
    this.turning = true;
    setImmediate(() => this.turn());
  }

  remove(step: () => boolean): void {
    this.steps.delete(step);
  }

  private turn(): void {
    for (const step of this.steps) if (!step()) this.steps.delete(step);
    this.turning = this.steps.size > 0;
    if (this.turning) setImmediate(() => this.turn());
  }
}
