import { aimsAtThisMachine } from "../address.ts";
import type { Report } from "./report.ts";
import type { Resolved } from "./resolved.ts";
import { nodeAt } from "./source.ts";

/**
 * Warns of a probe on a fixed port of this machine that the service does not declare. While an update runs old and new instance side by
 * side, or with several replicas, that port answers for whoever holds it: a broken new version passed for ready by the old one's answers.
 * Of a container it is no port at all.
 */
export function checkProbePorts(services: Iterable<Resolved>, report: Report): void {
  for (const service of services) {
    const { spec } = service;
    const inContainer = spec.runtime === "docker";
    const sideBySide = spec.replicas > 1 || (spec.update.strategy !== "recreate" && spec.replicas > 0);
    if (!inContainer && !sideBySide) continue;
    for (const [field, port] of probedPorts(service)) {
      if (service.ports.some(({ host, container }) => host === port || container === port)) continue;
      const both = inContainer || spec.replicas > 1 ? `${port}` : `${port}:${port}`;
      report.add([...service.path, ...field], nodeAt(service.node, field), {
        severity: "warning",
        message: inContainer
          ? `the probe asks port ${port} of this machine: ${spec.name} declares no such port, so it does not reach the container`
          : `the probe asks port ${port}, which ${spec.name} does not declare: during an update another instance may answer it`,
        hint: `declare it: ports: ["${both}"]${inContainer || spec.replicas === 1 ? "" : ", and listen on PORT"}`,
      });
    }
  }
}

function probedPorts({ spec: { health } }: Resolved): [field: string[], port: number][] {
  const found: [string[], number | undefined][] = [
    [["health", "http", "url"], aimsAtThisMachine(health?.http?.url ?? "")],
    [["health", "tcp", "address"], aimsAtThisMachine(`tcp://${health?.tcp?.address ?? ""}`)],
  ];
  return found.filter((one): one is [string[], number] => one[1] !== undefined);
}
