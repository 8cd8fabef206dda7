import type { Diagnostic } from "../kernel/errors.ts";
import type { ExitReason } from "../supervise/runtime.ts";

/** The wire objects of stacks; types only, shared with the client and CLI. */

export type InstanceState = "Pending" | "Starting" | "Running" | "Stopping" | "Stopped" | "Failed";

/** `GET /stacks/{name}` and `orco status --json` (stack.md, CLI). */
export interface StackView {
  readonly stack: string;
  readonly file?: string;
  readonly services: readonly ServiceView[];
}

export interface ServiceView {
  readonly service: string;
  readonly state: InstanceState;
  readonly ready: boolean;
  readonly replicas: { readonly ready: number; readonly live: number; readonly desired: number };
  readonly restarts: number;
  readonly age_ms: number;
  readonly message: string;
  readonly degraded?: string;
  readonly update?: { readonly strategy: string; readonly phase: string; readonly since_ms: number };
  readonly schedule?: ScheduledView;
  readonly instances: readonly InstanceView[];
}

/** Of a service that runs when its schedule says so. Times are RFC 3339. */
export interface ScheduledView {
  readonly cron: string;
  readonly timezone?: string;
  /** Absent while it is paused. */
  readonly next?: string;
  /** The last run that has ended; `at`: when. */
  readonly last?: { readonly at: string; readonly outcome: "completed" | "failed" | "canceled"; readonly run: string };
}

export interface InstanceView {
  readonly id: string;
  readonly replica: number;
  readonly pid?: number;
  /** Id of the container. */
  readonly container?: string;
  readonly state: InstanceState;
  readonly ready: boolean;
  readonly restarts: number;
  readonly age_ms: number;
  readonly address?: string;
  readonly config: string;
  readonly version: "old" | "new";
  readonly reason?: string;
  readonly exit?: { readonly code?: number; readonly signal?: string; readonly reason: ExitReason };
  readonly cpu_percent?: number;
  readonly memory_bytes?: number;
}

export interface StackSummary {
  readonly stack: string;
  readonly file?: string;
  readonly services: number;
  readonly ready: number;
  readonly desired: "up" | "down";
}

export type PlanAction = "add" | "remove" | "change" | "scale" | "unchanged";

/** `PUT /stacks/{name}?dry_run=true`; `apply --dry-run --json`. Secret values are masked. */
export interface PlanView {
  readonly stack: string;
  readonly changes: number;
  readonly services: readonly {
    readonly service: string;
    readonly action: PlanAction;
    readonly strategy?: string;
    readonly fields: readonly { readonly path: string; readonly from?: unknown; readonly to?: unknown }[];
  }[];
  readonly warnings: readonly Diagnostic[];
}

/** Body of `PUT /stacks/{name}` (JSON form; the YAML form is the source itself). */
export interface PutStack {
  readonly source: string;
  /** Absolute path the source was read from. */
  readonly file?: string;
  /** Absolute; base of relative paths. */
  readonly workdir: string;
  /** The caller's variables for interpolation, `.env` included. */
  readonly env: Readonly<Record<string, string>>;
  readonly profiles?: readonly string[];
  /** Only these services and what they depend on. */
  readonly services?: readonly string[];
  /** `orco up`: also start what was stopped by hand. */
  readonly start?: boolean;
}
