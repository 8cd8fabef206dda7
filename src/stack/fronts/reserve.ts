import type { Front } from "../../edge/route.ts";
import type { StackSpec } from "../spec.ts";
import { frontsOf } from "./front.ts";

/** The fronts of ports that no service of the stack has yet, still without targets. Those of `present` services change hands as their instances do. */
export function reservations(spec: StackSpec, present: StackSpec | undefined): Front[] {
  const taken = new Set(Object.values(present?.services ?? {}).flatMap(({ ports }) => ports.map(({ host }) => host)));
  const fronts = Object.values(spec.services).flatMap((service) =>
    frontsOf({ stack: spec.name, service: service.name, spec: service, members: [] }),
  );
  return fronts.filter(({ listen }) => !taken.has(listen.port));
}
