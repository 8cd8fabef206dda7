import type { CancelTimer, Clock } from "../kernel/clock.ts";

const EVERY_MS = 15_000;

export interface Beating {
  beat(): void;
}

/** Every member is called every 15 s, by one timer for all. */
export class Beats {
  /** Who is due when; in order, as all wait equally long. */
  private readonly due = new Map<Beating, number>();
  private stop: CancelTimer | undefined;

  constructor(private readonly clock: Clock) {}

  add(member: Beating): void {
    this.due.set(member, this.clock.monotonic() + EVERY_MS);
    this.arm();
  }

  remove(member: Beating): void {
    this.due.delete(member);
    if (this.due.size > 0) return;
    this.stop?.();
    this.stop = undefined;
  }

  private arm(): void {
    const [next] = this.due.values();
    if (this.stop || next === undefined) return;
    this.stop = this.clock.after(next - this.clock.monotonic(), () => this.fire());
  }

  private fire(): void {
    this.stop = undefined;
    const now = this.clock.monotonic();
    for (const [member, at] of this.due) {
      if (at > now) break;
      this.due.delete(member);
      this.due.set(member, now + EVERY_MS);
      member.beat();
    }
    this.arm();
  }
}
