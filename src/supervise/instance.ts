import { machine } from "../kernel/machine.ts";
import type { Exit } from "./runtime.ts";

/**
 * The life of one slot (service + replica). `ready` is a flag of Running, not a state.
 *
 *             start             started
 *   Pending ─────────▶ Starting ───────▶ Running ───┐ end (completed)
 *    ▲ ▲ │                │  │             │ │      ▼
 *    │ │ │ stop           │  │ stop        │ │    Stopped ──▶ Pending (again)
 *    │ │ └────▶ Stopped   │  └──────┬──────┘ │      ▲
 *    │ │                  │         ▼        │      │ end
 *    │ └── retry ─────────┘      Stopping ───┼──────┘
 *    │        (exit, start failure)  │       │ giveUp
 *    └────────── retry ◀─────────────┘       ▼
 *                                          Failed ──▶ Pending (again)
 */
export const INSTANCE = machine(
  {
    Pending: { start: "Starting", stop: "Stopped", giveUp: "Failed", retry: "Pending", again: "Pending" },
    Starting: { started: "Running", stop: "Stopping", retry: "Pending", giveUp: "Failed", end: "Stopped" },
    Running: { stop: "Stopping", retry: "Pending", giveUp: "Failed", end: "Stopped" },
    Stopping: { stop: "Stopping", end: "Stopped", retry: "Pending", giveUp: "Failed" },
    Stopped: { again: "Pending", stop: "Stopped" },
    Failed: { again: "Pending", stop: "Stopped" },
  },
  "instance",
);

export type InstanceState = (typeof INSTANCE.states)[number];

export type InstanceMove = Parameters<typeof INSTANCE.next>[1];

/** One replica of a service, as journaled with every transition. Times are epoch ms. */
export interface Slot {
  readonly id: string;
  readonly stack: string;
  readonly service: string;
  readonly replica: number;
  /** Hash of the service spec it runs. */
  readonly config: string;
  /** Against the stack's desired spec while an update is under way. */
  readonly version: "old" | "new";
  readonly wanted: "run" | "stop";
  readonly state: InstanceState;
  readonly ready: boolean;
  /** Why it is in this state: initial_start, restart, instance_crash, probe_ready, dependency_blocked, … */
  readonly reason: string;
  /** What a person should know now, where the reason alone does not say it. */
  readonly message?: string | undefined;
  /** Restarts since the slot was made, by policy or by hand. */
  readonly restarts: number;
  /** Failures in a row that count against maxRetries. */
  readonly retries: number;
  readonly nextStartAt?: number | undefined;
  /** UUIDv7 of the present (or last) start. */
  readonly instance?: string | undefined;
  readonly pid?: number | undefined;
  /** Of a container: its id. */
  readonly container?: string | undefined;
  /** Where it is dialled from this machine; absent: 127.0.0.1. */
  readonly address?: string | undefined;
  /** Assigned ports: container port → port at the address. */
  readonly ports?: Readonly<Record<string, number>> | undefined;
  readonly createdAt: number;
  /** When the present start began. */
  readonly startedAt?: number | undefined;
  readonly readyAt?: number | undefined;
  /** It has been ready since its present (or last) start. */
  readonly wasReady?: boolean | undefined;
  readonly exit?: Exit | undefined;
  /** When it lost its readiness, the last minute's (see `flaps.ts`); a stop that was asked for is not among them. */
  readonly flaps?: readonly number[] | undefined;
  /** Where it is fronted. held: not let in yet; in (also when absent): gets requests while it is ready; leaving: another set has taken over. */
  readonly traffic?: "held" | "in" | "leaving" | undefined;
  /** Of new requests, for all canaries of the service together: 0 to 1. */
  readonly share?: number | undefined;
  /** Ended instances whose last log lines may not have been read yet. */
  readonly draining?: readonly string[] | undefined;
}

export function isLive(state: InstanceState): boolean {
  return state === "Starting" || state === "Running" || state === "Stopping";
}

/** It ended and stays so until someone asks: completed, stopped by hand, retries exhausted. */
export function isAtRest(slot: Slot): boolean {
  return slot.state === "Stopped" || (slot.state === "Failed" && slot.reason !== "dependency_blocked");
}

/** It starts again only when somebody asks, or, where it was blocked, when what it needs is there. */
export function hasEnded(slot: Slot): boolean {
  return slot.state === "Stopped" || slot.state === "Failed";
}

export function isCompleted(slot: Slot): boolean {
  return slot.state === "Stopped" && slot.reason === "completed";
}
