import type { DeclaredPort } from "./ports.ts";
import type { Report } from "./report.ts";
import type { Resolved } from "./resolved.ts";
import { nodeAt } from "./source.ts";

/** Each port of the host has one owner, each port of a container one meaning. http is tcp to both. */
export function checkPorts(active: ReadonlyMap<string, Resolved>, report: Report): void {
  checkHostPorts(active, report);
  for (const service of active.values()) checkContainerPorts(service, report);
}

interface Owner {
  readonly service: Resolved;
  readonly port: DeclaredPort;
}

function checkHostPorts(active: ReadonlyMap<string, Resolved>, report: Report): void {
  const taken = new Map<string, Owner[]>();
  for (const service of active.values()) {
    for (const port of service.ports) {
      if (port.host === undefined) continue;
      const key = `${port.host}/${transport(port)}`;
      const mine = { service, port };
      const others = taken.get(key) ?? [];
      const other = others.find((one) => clash(addressOf(one), addressOf(mine)));
      if (other) reportTaken(mine, { by: other, key, report });
      taken.set(key, [...others, mine]);
    }
  }
}

function reportTaken({ service, port }: Owner, { by, key, report }: { by: Owner; key: string; report: Report }): void {
  const path = ["ports", port.index];
  const place = nodeAt(by.service.node, ["ports", by.port.index]);
  const { line } = place.file.locate(place.start);
  const who = by.service === service ? "this service" : by.service.spec.name;
  const hint = "give one of them another host port, or an address of its own (127.0.0.2:…)";
  report.add([...service.path, ...path], nodeAt(service.node, path), {
    message: `host port ${key} is declared by ${who} (line ${line}) already`,
    hint,
  });
}

const ANY = new Set(["0.0.0.0", "::"]);

/** Docker publishes on 127.0.0.1 where nothing is said; a process may bind all addresses. */
function addressOf({ service, port: { hostIp } }: Owner): string {
  if (hostIp === undefined) return service.spec.runtime === "docker" ? "127.0.0.1" : "0.0.0.0";
  return hostIp.includes(":") ? new URL(`http://[${hostIp}]`).hostname.slice(1, -1) : hostIp;
}

function clash(a: string, b: string): boolean {
  return a === b || ANY.has(a) || ANY.has(b);
}

/** Two host ports may lead to one port of a container; the same one declared again says nothing, and a process listens on one at a time. */
function checkContainerPorts(service: Resolved, report: Report): void {
  const { spec, ports, path } = service;
  const seen = new Map<string, DeclaredPort>();
  for (const port of ports) {
    const key = `${port.container}/${transport(port)}`;
    const before = seen.get(key);
    seen.set(key, before ?? port);
    if (!before) continue;
    const place = ["ports", port.index];
    const alone = spec.runtime === "process" && spec.replicas === 1 && spec.update.strategy === "recreate";
    if (port.host === undefined || before.host === undefined)
      report.add([...path, ...place], nodeAt(service.node, place), { message: `container port ${key} is declared twice` });
    else if (alone && port.host !== before.host)
      report.add([...path, ...place], nodeAt(service.node, place), {
        message: `host ports ${before.host} and ${port.host} both lead to port ${port.container}, but a process binds its own: it has one`,
        hint: "declare protocol: http, or a strategy other than recreate, for the edge to listen on both",
      });
  }
}

function transport({ protocol }: DeclaredPort): "tcp" | "udp" {
  return protocol === "udp" ? "udp" : "tcp";
}
