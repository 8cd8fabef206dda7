import { messageOf } from "../kernel/errors.ts";
import type { SlotCell } from "./cell.ts";
import type { Spools } from "./runtime.ts";
import type { SupervisorPorts } from "./supervised.ts";

/** Ended instances whose logs are read to their end beside whatever the slot does next. Remembered with the slot, so that the next daemon goes on. */
export class Drains {
  constructor(
    private readonly cell: SlotCell,
    private readonly ports: Pick<SupervisorPorts, "attach" | "runtime">,
  ) {}

  /**
   * Resolves when `read` has read the log (false: the daemon leaves before its end). The instance is removed from disk after that and after its end is on disk, for until then
   * its exit code is nowhere else. Never rejects.
   */
  async run(instance: string, read: () => Promise<boolean>, concluded: Promise<void>): Promise<void> {
    void this.cell.change({ draining: [...this.without(instance), instance] });
    try {
      if (await read()) void this.forget(instance, concluded);
    } catch (error) {
      this.told(instance, error);
    }
  }

  /** The log of an instance that ended while no daemon ran. */
  resume(instance: string, spools: Spools, concluded: Promise<void>): void {
    void this.run(instance, () => this.ports.attach({ ...this.cell.slot, instance }, spools).finish(), concluded);
  }

  /** An instance of which nothing is left to read. */
  drop(instance: string): void {
    void this.cell.change({ draining: this.without(instance) });
  }

  private async forget(instance: string, concluded: Promise<void>): Promise<void> {
    await concluded;
    try {
      await this.ports.runtime.forget(instance);
      this.drop(instance);
    } catch (error) {
      this.told(instance, error);
    }
  }

  private without(instance: string): string[] {
    return (this.cell.slot.draining ?? []).filter((other) => other !== instance);
  }

  private told(instance: string, error: unknown): void {
    this.cell.note("warn", `logs of ${instance}: ${messageOf(error)}`);
  }
}
