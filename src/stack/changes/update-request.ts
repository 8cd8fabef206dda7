import type { ServiceSpec, UpdateSpec } from "../spec.ts";
import type { Stack } from "../stack.ts";
import type { StackHost } from "./host.ts";

export interface UpdateRequest {
  readonly host: StackHost;
  readonly stack: Stack;
  readonly run: string;
  readonly target: ServiceSpec;
  /** How: a rollback keeps the bounds of the update it undoes. */
  readonly update: UpdateSpec;
  /** Replace what runs, or only what is on record of a service that is stopped. */
  readonly wanted: "run" | "stop";
  /** A rollback goes on whatever fails. */
  readonly reason: "config_changed" | "rollback";
  readonly signal: AbortSignal;
}
