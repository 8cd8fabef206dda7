import { OrcoError } from "../../kernel/errors.ts";
import type { Supervisor } from "../../supervise/supervisor.ts";
import type { ServiceSpec } from "../spec.ts";
import type { Stack } from "../stack.ts";

interface FillOptions {
  readonly spec: ServiceSpec;
  readonly signal: AbortSignal;
  readonly wanted: "run" | "stop";
  readonly reason: string;
}

/** Brings the number of slots to `replicas`: new ones at the lowest free replica, surplus ones stopped from the top. */
export async function fill(stack: Stack, { spec, signal, ...options }: FillOptions): Promise<void> {
  const present = stack.supervisorsOf(spec.name);
  const surplus = present.filter(({ slot }) => slot.replica >= spec.replicas);
  const taken = new Set(present.map(({ slot }) => slot.replica));
  const missing = Array.from({ length: spec.replicas }, (_, replica) => replica).filter((replica) => !taken.has(replica));
  await Promise.all(missing.map((replica) => stack.add(spec, replica, options)));
  await Promise.all(surplus.map((supervisor) => retire(stack, supervisor, { reason: "scaled", signal })));
}

/** Stops a slot and forgets it. */
export async function retire(stack: Stack, supervisor: Supervisor, why: { reason: string; signal: AbortSignal }): Promise<void> {
  await stopped(stack, [supervisor], why);
  await stack.drop(supervisor);
}

/** How long containers that are to stop wait for a docker that is away. */
const AWAY_PATIENCE_MS = 15_000;
const LOOK_MS = 1000;

/** Stops slots and resolves when nothing of them runs. Throws `engine_away` for containers whose docker stays away: they stop when it is back. */
export async function stopped(
  stack: Stack,
  supervisors: readonly Supervisor[],
  { reason, signal }: { reason: string; signal: AbortSignal },
): Promise<void> {
  for (const supervisor of supervisors) void supervisor.want("stop", reason);
  const patience = new Patience(stack);
  const done = (now: number): true | undefined => {
    const left = supervisors.filter(({ slot }) => slot.state !== "Stopped");
    patience.look(left, now);
    return left.length === 0 ? true : undefined;
  };
  await stack.until(done, signal, LOOK_MS);
}

class Patience {
  private awaySince: number | undefined;

  constructor(private readonly stack: Stack) {}

  look(left: readonly Supervisor[], now: number): void {
    const troubles = left.map(({ slot }) => this.stack.troubleOf(slot));
    const [trouble] = troubles;
    if (trouble === undefined || troubles.includes(undefined)) {
      this.awaySince = undefined;
      return;
    }
    this.awaySince ??= now;
    if (now - this.awaySince < AWAY_PATIENCE_MS) return;
    const names = left.map(({ slot }) => `${slot.service}/${slot.replica}`).join(", ");
    throw new OrcoError("engine_away", `${trouble}: ${names} cannot be stopped; start docker and they stop, then ask again`, {
      service: left[0]?.slot.service,
    });
  }
}
