import { INSTANCE, type InstanceMove, type Slot } from "./instance.ts";
import type { SupervisorPorts } from "./supervised.ts";

/** The one copy of a slot's state. Every transition goes through the table and into the journal; watchers see it when it is on disk. */
export class SlotCell {
  /** Monotonic: a wall clock that is set must neither shorten nor stretch what depends on it. */
  private readySince: number;

  constructor(
    private current: Slot,
    private readonly ports: Pick<SupervisorPorts, "record" | "note" | "clock">,
    private readonly onChange: (slot: Slot) => void,
  ) {
    const { clock } = ports;
    // Of what a former daemon saw only the wall clock tells.
    this.readySince = clock.monotonic() - Math.max(0, clock.now() - (current.readyAt ?? clock.now()));
  }

  get slot(): Slot {
    return this.current;
  }

  /** Uninterrupted readiness until now. */
  get readyForMs(): number {
    return this.current.ready ? this.ports.clock.monotonic() - this.readySince : 0;
  }

  move(move: InstanceMove, patch: Partial<Slot>, type: string): Promise<void> {
    return this.change({ ...patch, state: INSTANCE.next(this.current.state, move) }, type);
  }

  /** Without a type the change is written with the next transition. `detail` is told with the event and not kept. */
  async change(patch: Partial<Slot>, type?: string, detail?: string): Promise<void> {
    const from = this.current.state;
    if (patch.ready === true && !this.current.ready) this.readySince = this.ports.clock.monotonic();
    this.current = { ...this.current, ...patch };
    if (type === undefined) return;
    await this.ports.record(this.current, { type, from, ...(detail !== undefined && { detail }) });
    this.onChange(this.current);
  }

  note(level: "info" | "warn" | "error", message: string): void {
    this.ports.note(this.current, level, message);
  }
}
