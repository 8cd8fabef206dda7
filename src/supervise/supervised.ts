import type { Clock } from "../kernel/clock.ts";
import type { HealthSpec } from "./health.ts";
import type { Slot } from "./instance.ts";
import type { Attachment } from "./logs/attachment.ts";
import type { LogRecord } from "./logs/record.ts";
import type { RestartPolicy } from "./restart.ts";
import type { Endpoint, LaunchSpec, Runtime, Spools, StopSpec } from "./runtime.ts";

/** May the slot start now? `timeoutMs`: how long it may wait before it counts as failed; `againMs`: it opens by itself then, if nothing else happens. */
export type Gate =
  | { readonly open: true }
  | {
      readonly open: false;
      readonly waitingFor: string;
      readonly why: string;
      readonly timeoutMs?: number;
      readonly againMs?: number;
    };

export type HookName = "preStart" | "postStart" | "preStop" | "postStop";

export interface Hook {
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

/** One start, completely resolved: ports assigned, secrets read. */
export interface Prepared {
  readonly launch: LaunchSpec;
  readonly health?: HealthSpec;
  /** Points the probes at this very instance, where that is known only once it runs. */
  readonly aim?: (health: HealthSpec, at: Endpoint) => HealthSpec;
  readonly hooks: Readonly<Partial<Record<HookName, Hook>>>;
  readonly stop: StopSpec;
  readonly ports: Readonly<Record<string, number>>;
  /** Takes the secrets of this start out of what its hooks and probes print: that is shown, and goes into the journal. */
  readonly clean: (text: string) => string;
}

/** What a supervisor needs of the world; the stack engine provides it. */
export interface SupervisorPorts {
  readonly clock: Clock;
  readonly runtime: Runtime;
  readonly newId: () => string;
  readonly policy: () => RestartPolicy;
  /** Evaluated at every poke; must be cheap and without side effects. */
  readonly gate: (slot: Slot) => Gate;
  /** Why its failures are not its own just now: `db unready`, which it needs. */
  readonly strain?: (slot: Slot) => string | undefined;
  /** The same of what may not have been noticed yet: asks those it needs how they are at this moment. Never rejects. */
  readonly suspect?: (slot: Slot) => Promise<string | undefined>;
  /** Asked before a restart that nobody asked for: 0 takes it from the budget, else ms until there may be room. */
  readonly admit?: (slot: Slot) => number;
  /** Free ports for the start that comes: on disk before it, for a daemon that adopts it must know them. */
  readonly assign?: (slot: Slot) => Readonly<Record<string, number>>;
  /** Throws OrcoError; `executable_not_found`, `invalid` and `start_failed` are final, others are retried by policy. */
  readonly prepare: (slot: Slot, instance: string, how: "start" | "adopt") => Promise<Prepared>;
  readonly attach: (slot: Slot, spools: Spools) => Attachment;
  /** Line of orco's own in the service's log. */
  readonly note: (slot: Slot, level: "info" | "warn" | "error", message: string) => void;
  /** Journals the slot with the event; resolves after commit, never rejects. */
  readonly record: (slot: Slot, event: SlotEvent) => Promise<void>;
  /** Lines this very start has written so far, as stored. */
  readonly history: (slot: Slot) => AsyncIterable<LogRecord>;
  readonly onProbe?: (slot: Slot, probe: string, latencyMs: number) => void;
  /**
   * Before an instance is stopped because that was asked for: takes it out of traffic and resolves when nothing is in flight on it, cut at the
   * drain timeout if need be, or at once when `force` aborts. Never rejects.
   */
  readonly withdraw?: (slot: Slot, force: AbortSignal) => Promise<void>;
  /** It has ended by itself; what becomes of it is not on disk yet. */
  readonly onEnd?: (slot: Slot) => void;
}

export interface SlotEvent {
  /** `instance.running`, `instance.ready`, … */
  readonly type: string;
  readonly from: Slot["state"];
  /** Instead of the slot's own message. */
  readonly detail?: string;
}
