import type { HealthSpec } from "../supervise/health.ts";
import type { Endpoint } from "../supervise/runtime.ts";
import type { PortSpec } from "./spec.ts";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]", "::1"]);

/**
 * Points the probes of a service at one instance: a loopback address whose port is a host or container port of the service goes to
 * where this instance is dialled (stack.md, "Ports in probes"). Everything else stays as written.
 */
export function aimProbes(health: HealthSpec, ports: readonly PortSpec[], at: Endpoint): HealthSpec {
  return {
    ...health,
    ...(health.http && { http: { ...health.http, url: aimUrl(health.http.url, ports, at) } }),
    ...(health.tcp && { tcp: { address: aimAddress(health.tcp.address, ports, at) } }),
  };
}

/** The port of a URL that names this machine by loopback; undefined for any other, and for one that is known only at launch. */
export function aimsAtThisMachine(text: string): number | undefined {
  const url = URL.parse(text);
  if (!url || !LOOPBACK.has(url.hostname)) return undefined;
  return Number(url.port) || (url.protocol === "http:" ? 80 : undefined);
}

function aimUrl(text: string, ports: readonly PortSpec[], at: Endpoint): string {
  const url = URL.parse(text);
  if (!url || !LOOPBACK.has(url.hostname)) return text;
  const target = targetOf(Number(url.port || 80), ports, at);
  if (target === undefined) return text;
  url.hostname = at.host;
  url.port = String(target);
  return url.toString();
}

function aimAddress(text: string, ports: readonly PortSpec[], at: Endpoint): string {
  const colon = text.lastIndexOf(":");
  if (colon < 0 || !LOOPBACK.has(text.slice(0, colon))) return text;
  const target = targetOf(Number(text.slice(colon + 1)), ports, at);
  return target === undefined ? text : `${at.host}:${target}`;
}

function targetOf(port: number, ports: readonly PortSpec[], at: Endpoint): number | undefined {
  const declared = ports.find(({ host }) => host === port) ?? ports.find(({ container }) => container === port);
  return declared && at.ports[String(declared.container)];
}
