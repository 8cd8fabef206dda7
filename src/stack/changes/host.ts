import type { Clock } from "../../kernel/clock.ts";
import type { LogRecord } from "../../supervise/logs/record.ts";
import type { ServiceSpec } from "../spec.ts";
import type { Stack } from "../stack.ts";
import type { StackRecord } from "../store.ts";

/** What the workflows of stacks may do to the daemon's stacks. */
export interface StackHost {
  readonly clock: Clock;
  find(name: string): Stack | undefined;
  /** Makes `record` the desired state, of a new stack too. Throws `disk_full`. */
  desire(record: StackRecord, type: string): Promise<Stack>;
  /** Forgets a stack whose slots have all stopped. */
  forget(name: string): Promise<void>;
  configHash(spec: ServiceSpec): string;
  /** Last lines of a replica's log since a time (epoch ms). */
  tail(request: { stack: string; service: string; replica: number; sinceMs: number; lines: number }): Promise<LogRecord[]>;
  onUpdate(outcome: { strategy: string; outcome: "completed" | "rolled_back" | "failed" }): void;
}
