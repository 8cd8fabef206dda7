import type { HealthSpec } from "../supervise/health.ts";
import type { PortSpec } from "./spec.ts";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]", "::1"]);

/**
 * Points the probes of a service at one instance: a loopback address whose port is a host or container port of the service goes to
 * the port that this instance was assigned (stack.md, "Ports in probes"). Everything else stays as written.
 */
export function aimProbes(health: HealthSpec, ports: readonly PortSpec[], assigned: Readonly<Record<string, number>>): HealthSpec {
  return {
    ...health,
    ...(health.http && { http: { ...health.http, url: aimUrl(health.http.url, ports, assigned) } }),
    ...(health.tcp && { tcp: { address: aimAddress(health.tcp.address, ports, assigned) } }),
  };
}

/** The port of a URL that names this machine by loopback; undefined for any other, and for one that is known only at launch. */
export function aimsAtThisMachine(text: string): number | undefined {
  const url = URL.parse(text);
  if (!url || !LOOPBACK.has(url.hostname)) return undefined;
  return Number(url.port) || (url.protocol === "http:" ? 80 : undefined);
}

function aimUrl(text: string, ports: readonly PortSpec[], assigned: Readonly<Record<string, number>>): string {
  const url = URL.parse(text);
  if (!url || !LOOPBACK.has(url.hostname)) return text;
  const target = targetOf(Number(url.port || 80), ports, assigned);
  if (target === undefined) return text;
  url.hostname = "127.0.0.1";
  url.port = String(target);
  return url.toString();
}

function aimAddress(text: string, ports: readonly PortSpec[], assigned: Readonly<Record<string, number>>): string {
  const at = text.lastIndexOf(":");
  if (at < 0 || !LOOPBACK.has(text.slice(0, at))) return text;
  const target = targetOf(Number(text.slice(at + 1)), ports, assigned);
  return target === undefined ? text : `127.0.0.1:${target}`;
}

function targetOf(port: number, ports: readonly PortSpec[], assigned: Readonly<Record<string, number>>): number | undefined {
  const declared = ports.find(({ host, container }) => host === port || container === port);
  return declared && assigned[String(declared.container)];
}
