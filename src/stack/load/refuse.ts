import { runsTwo } from "../fronts/fronted.ts";
import type { DeclaredPort } from "./ports.ts";
import type { Report } from "./report.ts";
import type { Resolved } from "./resolved.ts";
import { nodeAt, type Path } from "./source.ts";

/** Valid, but this version cannot do it: refused by name, never silently ignored. */
export function refuse(service: Resolved, report: Report): void {
  const datagrams = service.ports.find(({ host, protocol }) => host !== undefined && protocol === "udp");
  const found = datagrams && refusal(service, datagrams);
  if (!found) return;
  const [field, message, hint] = found;
  report.add([...service.path, ...field], nodeAt(service.node, field), { severity: "unsupported", feature: "edge", message, hint });
}

type Refusal = readonly [field: Path, message: string, hint: string];

/** The edge passes on http and tcp; a UDP port has one owner, the service. */
function refusal({ spec }: Resolved, { host, container, index }: DeclaredPort): Refusal | undefined {
  if (spec.replicas > 1) {
    const way =
      spec.runtime === "docker" ? "each container then has it on the stack's network" : "each instance then gets a port of its own in PORT";
    return [
      ["ports", index],
      `${spec.replicas} replicas cannot all bind UDP port ${host}: the edge shares http and tcp only`,
      `declare only the container port ("${container}/udp"): ${way}`,
    ];
  }
  if (!runsTwo(spec.update) || spec.replicas === 0) return undefined;
  const message = `${spec.update.strategy} needs two instances on UDP port ${host}: the edge shares http and tcp only`;
  return [["update", "strategy"], message, "use strategy: recreate, or maxSurge: 0 with maxUnavailable: 1"];
}
