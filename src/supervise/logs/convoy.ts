import type { Pump, Source } from "./pump.ts";

/** A source whose next line has a known time. */
export interface TimedSource extends Source {
  /** Epoch ms of its next line; Infinity while that is not known. */
  headMs(): number;
  /** As `step`, but lines later than `until` stay. */
  step(until?: number): boolean;
}

/** The timed streams of one service, read side by side: the one whose next line is oldest goes first, so that the log has their lines by their times. */
export class Convoy implements Source {
  private readonly members = new Set<TimedSource>();
  private readonly ready = new Set<TimedSource>();

  constructor(
    private readonly pump: Pump,
    private readonly now: () => number,
  ) {}

  add(member: TimedSource): void {
    this.members.add(member);
    this.pump.add(this);
  }

  remove(member: TimedSource): void {
    this.members.delete(member);
    this.ready.delete(member);
    if (this.members.size === 0) this.pump.remove(this);
  }

  dueAt(): number {
    let at = Number.POSITIVE_INFINITY;
    for (const member of this.members) at = Math.min(at, member.dueAt());
    return at;
  }

  /** All are looked at when one is due: what one of them says is not stored before what another said earlier. */
  poll(now: number): boolean {
    for (const member of this.members) if (!this.ready.has(member) && member.poll(now)) this.ready.add(member);
    return this.ready.size > 0;
  }

  step(): boolean {
    this.poll(this.now());
    let first: TimedSource | undefined;
    let [head, next] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (const member of this.ready) {
      const ms = member.headMs();
      if (first && ms >= head) next = Math.min(next, ms);
      else [first, next, head] = [member, head, ms];
    }
    if (first && !first.step(next)) this.ready.delete(first);
    return this.ready.size > 0;
  }
}
