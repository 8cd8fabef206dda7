import { aimsAtThisMachine } from "../address.ts";
import type { PortSpec, ServiceSpec, UpdateSpec } from "../spec.ts";

/** A host port that the edge listens on in the place of the service. */
export interface FrontedPort {
  readonly host: number;
  readonly hostIp?: string;
  readonly container: number;
  readonly protocol: "http" | "tcp";
}

type Asked = Pick<ServiceSpec, "ports" | "replicas" | "health"> & {
  readonly update: Pick<UpdateSpec, "strategy" | "maxSurge">;
};

/**
 * Host ports of a service that the edge fronts (stack.md, Ports): more than one replica, or an update that runs two at once, or http declared.
 * Each instance then listens on a port of its own. UDP is never fronted. All other host ports the service binds itself.
 */
export function frontedPorts(service: Asked): FrontedPort[] {
  const several = service.replicas > 1 || runsTwo(service.update);
  return service.ports.flatMap((port) => {
    const { host, hostIp, container } = port;
    if (host === undefined || port.protocol === "udp" || !(several || port.protocol === "http")) return [];
    const protocol = port.protocol === "http" || isProbed(port, service.health) ? "http" : "tcp";
    return [{ host, container, protocol, ...(hostIp !== undefined && { hostIp }) }];
  });
}

/** An update by this strategy has old and new instances side by side, or shares requests between them. */
export function runsTwo({ strategy, maxSurge }: Pick<UpdateSpec, "strategy" | "maxSurge">): boolean {
  return strategy === "canary" || strategy === "blueGreen" || (strategy === "rolling" && maxSurge > 0);
}

/** Its http probe asks this very port. */
export function isProbed({ host, container }: Pick<PortSpec, "host" | "container">, health: ServiceSpec["health"]): boolean {
  const asked = aimsAtThisMachine(health?.http?.url ?? "");
  return asked !== undefined && (asked === host || asked === container);
}

/** Host ports that the service binds itself, or docker publishes for it; UDP included. */
export function directPorts(service: Asked): PortSpec[] {
  const fronted = new Set(frontedPorts(service).map(({ host }) => host));
  return service.ports.filter(({ host, protocol }) => host !== undefined && (protocol === "udp" || !fronted.has(host)));
}

/** Host ports that both would bind themselves, or one itself and the other through the edge: they cannot run at one time. */
export function contestedPorts(a: Asked, b: Asked): number[] {
  const edge = (service: Asked): Set<number> => new Set(frontedPorts(service).map(({ host }) => host));
  const [behindA, behindB] = [edge(a), edge(b)];
  const hostsOf = ({ ports }: Asked): number[] => ports.flatMap(({ host }) => (host === undefined ? [] : [host]));
  const ofB = new Set(hostsOf(b));
  return hostsOf(a).filter((host) => ofB.has(host) && !(behindA.has(host) && behindB.has(host)));
}
