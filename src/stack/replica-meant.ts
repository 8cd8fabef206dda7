import { OrcoError } from "../kernel/errors.ts";
import type { LogStore } from "../supervise/logs/store.ts";
import type { Supervisor } from "../supervise/supervisor.ts";
import type { Stack } from "./stack.ts";

interface Meant {
  /** None or undefined: all of the stack. */
  readonly services: readonly string[] | undefined;
  readonly replica: number | undefined;
}

/** `not_found` for the log of a replica that is not there and never was: it would be empty, or waited for in vain. Of one that was there are lines. */
export function refuseReplica(stack: Stack | undefined, { services, replica }: Meant, logs: Pick<LogStore, "hasReplica">): void {
  if (!stack || replica === undefined) return;
  const named = services?.length ? services : undefined;
  const all = (named ?? Object.keys(stack.record.spec.services)).flatMap((service) => stack.supervisorsOf(service));
  if (all.some(({ slot }) => slot.replica === replica) || logs.hasReplica(stack.name, named, replica)) return;
  throw unknownReplica(all, { stack: stack.name, service: named?.join(", ") ?? stack.name, replica });
}

/** `not_found`; `all`: those that are meant. */
export function unknownReplica(all: readonly Supervisor[], facts: { stack: string; service: string; replica: number }): OrcoError {
  const there = [...new Set(all.map(({ slot }) => slot.replica))].sort((a, b) => a - b).join(", ");
  return new OrcoError("not_found", `${facts.service} has no replica ${facts.replica}; it has ${there || "none"}`, facts);
}
