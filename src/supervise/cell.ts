import { nextState, type InstanceMove, type Slot } from "./instance.ts";
import type { SupervisorPorts } from "./supervised.ts";

/** The one copy of a slot's state. Every transition goes through the table and into the journal; watchers see it when it is on disk. */
export class SlotCell {
  constructor(
    private current: Slot,
    private readonly ports: Pick<SupervisorPorts, "record" | "note">,
    private readonly onChange: (slot: Slot) => void,
  ) {}

  get slot(): Slot {
    return this.current;
  }

  move(move: InstanceMove, patch: Partial<Slot>, type: string): Promise<void> {
    return this.change({ ...patch, state: nextState(this.current.state, move) }, type);
  }

  /** Without a type the change is written with the next transition. */
  async change(patch: Partial<Slot>, type?: string): Promise<void> {
    const from = this.current.state;
    this.current = { ...this.current, ...patch };
    if (type === undefined) return;
    await this.ports.record(this.current, { type, from });
    this.onChange(this.current);
  }

  note(level: "info" | "warn" | "error", message: string): void {
    this.ports.note(this.current, level, message);
  }
}
