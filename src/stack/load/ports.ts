import type { PortSpec } from "../spec.ts";
import { byForm, type Field, list, mapped, number, object, oneOf, parsedText, text, titled, told } from "./field.ts";
import { MAX_PORTS_PER_SERVICE } from "./limits.ts";

const WANTED = 'a port such as "8080:80", "8080", "127.0.0.1:8080:80/udp" or "8000-8003:80-83"';
const SHORT = /^(?:(?:(\[[0-9a-fA-F:.]+\]|[0-9.]+):)?(\d+(?:-\d+)?)?:)?(\d+(?:-\d+)?)(?:\/(tcp|udp))?$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

/** A port as the file has it; `index` is its place in the list (a range becomes several). */
export interface DeclaredPort extends PortSpec {
  readonly index: number;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** All short forms of a port; a range becomes one port each. undefined when it is none of them. */
export function parsePorts(raw: string): PortSpec[] | undefined {
  const [, ip, hostText, containerText = "", protocol] = SHORT.exec(raw.trim()) ?? [];
  const container = parseRange(containerText);
  const host = hostText === undefined ? undefined : parseRange(hostText);
  if (!container || (hostText !== undefined && !host) || (ip !== undefined && !isAddress(ip))) return undefined;
  const length = container.to - container.from + 1;
  if (length > MAX_PORTS_PER_SERVICE || (host && host.to - host.from + 1 !== length)) return undefined;
  return Array.from({ length }, (_, offset) => ({
    ...(host && { host: host.from + offset }),
    ...(ip !== undefined && { hostIp: ip.replace(/^\[|\]$/g, "") }),
    container: container.from + offset,
    protocol: protocol === "udp" ? "udp" : "tcp",
  }));
}

function parseRange(raw: string): Range | undefined {
  const [from = Number.NaN, to = from] = raw.split("-").map(Number);
  return from >= 1 && to <= 65_535 && from <= to ? { from, to } : undefined;
}

function isAddress(ip: string): boolean {
  return ip.startsWith("[") ? URL.canParse(`http://${ip}/`) : IPV4.test(ip);
}

const portNumber = number({ wanted: "a port from 1 to 65535", min: 1, max: 65_535 });

const short: Field<PortSpec[]> = titled(
  "port",
  parsedText(WANTED, (raw, node, at) => {
    if (raw.endsWith("/http"))
      return at.fail(node, "http is declared in the long form", { hint: "{host: …, container: …, protocol: http}" }) ?? [];
    return parsePorts(raw);
  }),
);

const address: Field<string> = titled(
  "IP address",
  parsedText("an IP address", (raw) => (isAddress(raw) || isAddress(`[${raw}]`) ? raw.replace(/^\[|\]$/g, "") : undefined)),
);

const long: Field<PortSpec[]> = mapped(
  object({
    host: told("Port of this machine. Default: none, or one of orco's choice for processes.", portNumber, { example: 8080 }),
    container: told("Port the service listens on. Default: the same as host.", portNumber, { example: 80 }),
    protocol: told("http shares out each request, tcp each connection; udp is never shared.", oneOf(["tcp", "udp", "http"]), {
      default: "tcp",
      example: "http",
    }),
    hostIp: told("Address of this machine to listen on.", address, { default: "127.0.0.1", example: "0.0.0.0" }),
    description: told("For people.", text(), { example: "public API" }),
  }),
  ({ host, container = host, protocol = "tcp", hostIp }, node, at) => {
    if (container === undefined) return at.fail(node, "a port needs a container port, the one the service listens on");
    return [{ ...(host !== undefined && { host }), ...(hostIp !== undefined && { hostIp }), container, protocol }];
  },
);

const perItem = list(
  mapped(byForm<PortSpec[]>({ scalar: short, map: long }), (read, _, at) =>
    read.map((port): DeclaredPort => ({ ...port, index: Number(at.path.at(-1)) })),
  ),
  "a list of ports",
);

export const ports: Field<DeclaredPort[]> = mapped(perItem, (found, node, at) => {
  const all = found.flat();
  return all.length <= MAX_PORTS_PER_SERVICE ? all : at.fail(node, `more than ${MAX_PORTS_PER_SERVICE} ports (MAX_PORTS_PER_SERVICE)`);
});
