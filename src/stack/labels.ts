import { OURS } from "../supervise/docker/ownership.ts";
import type { Slot } from "../supervise/instance.ts";

export function labelsOf(
  { stack, service, replica, config }: Pick<Slot, "stack" | "service" | "replica" | "config">,
  { homeId, instance }: { readonly homeId: string; readonly instance: string },
): Record<string, string> {
  return {
    [OURS.home]: homeId,
    [OURS.stack]: stack,
    [OURS.service]: service,
    [OURS.replica]: String(replica),
    [OURS.instance]: instance,
    [OURS.config]: config,
  };
}

/** The private network of a stack. */
export function defaultNetwork(stack: string): string {
  return `${stack}_default`;
}
