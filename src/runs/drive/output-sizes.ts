import type { StepState } from "../record.ts";
import { sizeOf } from "./settle.ts";

/** Bytes of JSON that the outputs of a run's steps have, kept up with every change of one. */
export class OutputSizes {
  private readonly sizes = new Map<string, number>();
  private total = 0;

  put(before: StepState | undefined, { id, outputs }: StepState): void {
    if (before?.outputs === outputs) return;
    const size = outputs ? sizeOf(outputs) : 0;
    this.total += size - (this.sizes.get(id) ?? 0);
    this.sizes.set(id, size);
  }

  /** Of all steps but this one. */
  besides(step: string): number {
    return this.total - (this.sizes.get(step) ?? 0);
  }
}
