import { frontedPorts, isProbed } from "../fronts/fronted.ts";
import type { PortSpec, ServiceSpec } from "../spec.ts";
import type { Report } from "./report.ts";
import type { Resolved } from "./resolved.ts";
import { nodeAt } from "./source.ts";

type Own = Pick<ServiceSpec, "runtime" | "command" | "env"> & { readonly health?: ServiceSpec["health"] | undefined };

/**
 * A single instance has this host port without the edge: the port is neither declared as http nor asked by its http probe, or the
 * command of a process says the number itself and so would not hear of another one. A container listens on its own port either way.
 */
export function bindsItself(port: PortSpec, { health, ...own }: Own): boolean {
  if (port.host === undefined || port.protocol === "http") return false;
  return port.protocol === "udp" || !isProbed(port, health) || (own.runtime === "process" && namesPort(own, port.host));
}

/** Warns of a service behind the edge that seems to listen on the edge's own port: it must listen on PORT. */
export function checkOwnPorts(services: Iterable<Resolved>, report: Report): void {
  for (const { spec, node, path } of services) {
    if (spec.runtime === "docker") continue;
    const { host } = frontedPorts(spec).find((port) => namesPort(spec, port.host)) ?? {};
    if (host === undefined) continue;
    const field = spec.env["PORT"] === undefined ? ["command"] : ["env", "PORT"];
    report.add([...path, ...field], nodeAt(node, field), {
      severity: "warning",
      message: `the edge listens on port ${host} for ${spec.name}, which names the port itself: each instance gets one of its own`,
      hint: "listen on ${PORT}",
    });
  }
}

function namesPort({ command, env }: Pick<ServiceSpec, "command" | "env">, host: number): boolean {
  const number = new RegExp(`(?<!\\d)${host}(?!\\d)`);
  return env["PORT"] !== undefined || command.some((word) => number.test(word));
}
