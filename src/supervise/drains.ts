import { messageOf } from "../kernel/errors.ts";
import type { SlotCell } from "./cell.ts";
import type { Handle } from "./runtime.ts";
import type { SupervisorPorts } from "./supervised.ts";

/** Ended instances whose logs are read to their end beside whatever the slot does next. Remembered with the slot, so that the next daemon goes on. */
export class Drains {
  constructor(
    private readonly cell: SlotCell,
    private readonly ports: Pick<SupervisorPorts, "attach" | "runtime">,
  ) {}

  /** `clear` reads the log and removes the instance from disk. Never rejects. */
  async run(instance: string, clear: () => Promise<void>): Promise<void> {
    const others = (): string[] => (this.cell.slot.draining ?? []).filter((other) => other !== instance);
    void this.cell.change({ draining: [...others(), instance] });
    try {
      await clear();
      void this.cell.change({ draining: others() });
    } catch (error) {
      this.cell.note("warn", `logs of ${instance}: ${messageOf(error)}`);
    }
  }

  /** The log of an instance that ended while no daemon ran. */
  resume(instance: string, spools: Handle["spools"]): void {
    const attachment = this.ports.attach({ ...this.cell.slot, instance }, spools);
    void this.run(instance, async () => {
      await attachment.finish();
      await this.ports.runtime.forget(instance);
    });
  }
}
