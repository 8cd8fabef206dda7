import type { Diagnostic } from "../../kernel/errors.ts";
import { runsTwo } from "../fronts/fronted.ts";
import type { ServiceSpec } from "../spec.ts";
import type { DeclaredPort } from "./ports.ts";
import type { Report } from "./report.ts";
import type { Resolved } from "./resolved.ts";
import { nodeAt, type Path } from "./source.ts";

export type Feature = "docker" | "edge" | "watch" | "schedule";

/** Valid, but this version cannot do it: refused by name, never silently ignored. */
export function refuse(service: Resolved, report: Report): void {
  const { node, path } = service;
  const found = service.spec.runtime === "docker" ? [dockerRefusal(service)] : refusals(service);
  for (const [field, feature, message, hint] of found) {
    report.add([...path, ...field], nodeAt(node, field), { severity: "unsupported", feature, message, hint });
  }
}

type Refusal = readonly [field: Path, feature: Feature, message: string, hint: string];

/** One for the whole service: its ports and strategy are for docker to carry out. */
function dockerRefusal({ spec, node }: Resolved): Refusal {
  const field = ["runtime", "image", "build"].find((name) => node.entries.has(name)) ?? "runtime";
  const message = `${spec.name} runs in docker: stacks of docker services come with a later version`;
  return [[field], "docker", message, "for now, give it a command and runtime: process"];
}

function refusals({ spec, ports }: Resolved): Refusal[] {
  const found: Refusal[] = [];
  if (spec.watch && spec.watch.length > 0)
    found.push([["watch"], "watch", "watch comes with a later version", "run `orco restart` from a file watcher of your own"]);
  if (spec.schedule)
    found.push([["schedule"], "schedule", "schedule comes with a later version", "start the one-shot from cron: orco start <service>"]);
  const datagrams = ports.find(({ host, protocol }) => host !== undefined && protocol === "udp");
  if (datagrams) found.push(...datagramRefusals(spec, datagrams));
  return found;
}

/** The edge passes on http and tcp; a UDP port has one owner, the service. */
function datagramRefusals(spec: ServiceSpec, { host, container, index }: DeclaredPort): Refusal[] {
  const ownPort = `declare only the container port ("${container}/udp"): each instance then gets a port of its own in PORT`;
  if (spec.replicas > 1)
    return [
      [["ports", index], "edge", `${spec.replicas} replicas cannot all bind UDP port ${host}: the edge shares http and tcp only`, ownPort],
    ];
  if (!runsTwo(spec.update) || spec.replicas === 0) return [];
  const message = `${spec.update.strategy} needs two instances on UDP port ${host}: the edge shares http and tcp only`;
  return [[["update", "strategy"], "edge", message, "use strategy: recreate, or maxSurge: 0 with maxUnavailable: 1"]];
}

/** True when docker services are all that keeps this stack from running: `orco lint` accepts such a file. */
export function onlyDockerRefused(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.every(
    (one) => one.severity === "warning" || (one.severity === "unsupported" && one.feature === ("docker" satisfies Feature)),
  );
}
