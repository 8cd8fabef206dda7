import type { Clock } from "../../kernel/clock.ts";
import type { LogRecord } from "../../supervise/logs/record.ts";
import type { ScheduleBook } from "../scheduled/book.ts";
import type { ServiceSpec, StackSpec } from "../spec.ts";
import type { Stack } from "../stack.ts";
import type { StackRecord } from "../store.ts";

/** What the workflows of stacks may do to the daemon's stacks. */
export interface StackHost {
  readonly clock: Clock;
  readonly schedules: ScheduleBook;
  find(name: string): Stack | undefined;
  /** Opens the edge's ports of services that come, before anything of them starts; returns what it opened. Throws `port_in_use`, `conflict`, and opens none. */
  reserve(spec: StackSpec): Promise<string[]>;
  /** Closes what `reserve` opened, for a spec that did not become the desired one. */
  release(fronts: readonly string[]): Promise<void>;
  /** Makes `record` the desired state, of a new stack too. Throws `disk_full`. */
  desire(record: StackRecord, type: string): Promise<Stack>;
  /** Changes one service of the desired state, after those that were asked for before: several of an apply may fail at once. Throws `disk_full`. */
  desireService(name: string, spec: ServiceSpec, type: string): Promise<void>;
  /** Makes what the stack shares in docker. Throws `conflict` where a foreign object has our name. */
  claim(spec: StackSpec): Promise<void>;
  /** Pulls or builds the image of a service that runs in docker, before anything of it moves. Rejects as `Runtime.start` does. */
  provide(spec: ServiceSpec, of: { readonly stack: Stack; readonly signal: AbortSignal }): Promise<void>;
  /** Forgets a stack whose slots have all stopped, with what it had in docker. */
  forget(name: string, options: { readonly volumes: boolean; readonly signal: AbortSignal }): Promise<void>;
  configHash(spec: ServiceSpec): string;
  /** Last lines of a replica's log since a time (epoch ms), without those of some instances. */
  tail(request: {
    stack: string;
    service: string;
    replica: number;
    sinceMs: number;
    exceptInstances: readonly string[];
    lines: number;
  }): Promise<LogRecord[]>;
  onUpdate(outcome: { strategy: string; outcome: "completed" | "rolled_back" | "failed" }): void;
}
