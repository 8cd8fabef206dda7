import { rfc3339 } from "../../kernel/rfc3339.ts";
import type { ContainerState } from "../finding.ts";
import type { StackInstance } from "./port.ts";

/** A start that came to nothing says why in its message; docker's own words are in it. */
const NOT_STARTED = new Set(["start_failed", "hook_failed"]);
const NEVER = "0001-01-01T00:00:00Z";

/** An instance as docker would tell of a container that it keeps running itself. Each start of an instance is a container of its own. */
export function stateOf(instance: StackInstance, imageId?: string): ContainerState {
  const { exit, reason, message, restarts, startedAt, ready, isProbed, wasReady } = instance;
  return {
    status: statusOf(instance),
    exitCode: exit?.code ?? (exit?.oomKilled === true ? 137 : 0),
    oomKilled: exit?.oomKilled ?? false,
    error: NOT_STARTED.has(reason) ? (message ?? reason) : "",
    restartCount: restarts,
    ...(imageId !== undefined && { imageId }),
    startedAt: startedAt === undefined ? NEVER : rfc3339(startedAt),
    finishedAt: exit === undefined ? NEVER : rfc3339(exit.at),
    ...(isProbed && { health: { status: ready ? "healthy" : wasReady ? "unhealthy" : "starting", log: [] } }),
  };
}

function statusOf({ state, restarts, exit, message }: StackInstance): ContainerState["status"] {
  switch (state) {
    case "Running":
      return "running";
    case "Stopping":
      return "removing";
    case "Failed":
    case "Stopped":
      return "exited";
    case "Starting":
    case "Pending":
      return restarts > 0 || exit !== undefined || message !== undefined ? "restarting" : "created";
  }
}

/** It is wanted, and its supervisor keeps it up or tries to. */
export function isKept({ wanted, state }: StackInstance): boolean {
  return wanted === "run" && state !== "Failed" && state !== "Stopped";
}
