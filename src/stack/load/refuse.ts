import type { Diagnostic } from "../../kernel/errors.ts";
import type { Report } from "./report.ts";
import type { Resolved } from "./resolve.ts";
import { nodeAt, type Path } from "./source.ts";

export type Feature = "docker" | "edge" | "canary" | "blueGreen" | "watch" | "schedule";

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

function refusals({ spec, declared, ports, node }: Resolved): Refusal[] {
  const found: Refusal[] = [];
  const { strategy, maxSurge } = spec.update;
  if (strategy === "canary" || strategy === "blueGreen") {
    found.push([["update", "strategy"], strategy, `strategy ${strategy} comes with a later version`, "use rolling or recreate"]);
  }
  if (spec.watch && spec.watch.length > 0)
    found.push([["watch"], "watch", "watch comes with a later version", "run `orco restart` from a file watcher of your own"]);
  if (spec.schedule)
    found.push([["schedule"], "schedule", "schedule comes with a later version", "start the one-shot from cron: orco start <service>"]);
  for (const port of ports) {
    const field: Path =
      nodeAt(node, ["ports", port.index]).kind === "map" && port.protocol === "http"
        ? ["ports", port.index, "protocol"]
        : ["ports", port.index];
    if (port.protocol === "http")
      found.push([
        field,
        "edge",
        "protocol http needs the edge, which comes with a later version",
        "use protocol: tcp; the service then binds the port itself",
      ]);
    else if (port.host !== undefined && spec.replicas > 1) {
      const message = `${spec.replicas} replicas cannot all bind host port ${port.host}; sharing it needs the edge, which comes with a later version`;
      found.push([
        field,
        "edge",
        message,
        `declare only the container port ("${port.container}"): each replica then gets a port of its own in PORT`,
      ]);
    }
  }
  const direct = ports.find((port) => port.host !== undefined && port.protocol !== "http");
  if (direct && spec.replicas <= 1 && declared.update?.strategy === "rolling" && maxSurge > 0) {
    const message = `rolling with maxSurge ${maxSurge} needs two instances on host port ${direct.host}, and so the edge, which comes with a later version`;
    found.push([["update", "strategy"], "edge", message, "use strategy: recreate, or maxSurge: 0 with maxUnavailable: 1"]);
  }
  return found;
}

/** True when docker services are all that keeps this stack from running: `orco lint` accepts such a file. */
export function onlyDockerRefused(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.every(
    (one) => one.severity === "warning" || (one.severity === "unsupported" && one.feature === ("docker" satisfies Feature)),
  );
}
