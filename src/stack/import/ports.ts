import { MAX_PORTS_PER_SERVICE } from "../load/limits.ts";
import { parsePorts } from "../load/ports.ts";
import type { Cursor } from "./cursor.ts";
import { type Draft, type Handler, listOf, push } from "./project.ts";
import { isOpen, splitColons, textOf } from "./values.ts";

interface Port {
  readonly ip?: string | undefined;
  readonly host?: string | undefined;
  readonly container: string;
  readonly protocol: string;
}

export const ports: Handler = (at, draft) => {
  if (at.node.kind !== "list") return at.fail("expected a list of ports");
  for (const item of at.items()) {
    if (item.node.kind === "map") long(item, draft);
    else short(item, draft);
  }
  return undefined;
};

function short(at: Cursor, draft: Draft): void {
  const text = textOf(at, 'a port such as "8080:80"')?.trim();
  if (text === undefined) return;
  const [address = "", protocol = "tcp"] = text.split(/\/(?=[a-z]+$)/);
  const parts = splitColons(address);
  const container = parts.pop() ?? "";
  const host = parts.pop() || undefined;
  const ip = parts.join(":").replace(/^\[|\]$/g, "") || undefined;
  carry(at, draft, { ip, host, container, protocol });
}

function long(at: Cursor, draft: Draft): void {
  const field = (key: string): string | undefined => at.in(key)?.text || undefined;
  const container = field("target");
  if (container === undefined) return at.fail("a port needs a target, the port inside the container");
  const known = ["target", "published", "host_ip", "protocol"];
  for (const [key, one] of at.fields()) {
    if (known.includes(key)) continue;
    if (key === "mode") one.dropped("orco knows no swarm: every port is a port of this machine");
    else if (key === "name" || key.startsWith("x-")) one.dropped("for people: orco does not read it");
    else if (key === "app_protocol") one.dropped("write protocol: http at the port to have each request balanced");
    else one.dropped("no key of a port");
  }
  carry(at, draft, { ip: field("host_ip"), host: field("published"), container, protocol: field("protocol") ?? "tcp" });
  return undefined;
}

function carry(at: Cursor, draft: Draft, port: Port): void {
  if (port.protocol !== "tcp" && port.protocol !== "udp") {
    if (!isOpen(port.protocol)) return at.dropped(`orco publishes tcp and udp, not ${port.protocol}`);
  }
  if (isLong(port.container))
    return at.dropped(`a service has at most ${MAX_PORTS_PER_SERVICE} ports (MAX_PORTS_PER_SERVICE): publish fewer`);
  const { text, reason } = chosen(port);
  if (!isOpen(text) && parsePorts(text) === undefined) {
    at.fail(`${JSON.stringify(shown(at, text))} is no port`, 'such as "8080:80", "127.0.0.1:8080:80/udp" or "8000-8003:80-83"');
    return;
  }
  if (listOf(draft, "ports").includes(text)) return at.dropped("the same port twice");
  const place = push(draft, "ports", text);
  const reasons = [reason, ...wide(port, text)].filter((one) => one !== undefined);
  if (reasons.length === 0) at.carried(place);
  for (const one of reasons) at.changed(place, one);
}

function shown(at: Cursor, text: string): string {
  return at.text === "" ? text : at.text;
}

const RANGE = /^(\d+)-(\d+)$/;

function isLong(container: string): boolean {
  const [, from, to] = RANGE.exec(container) ?? [];
  return Number(to) - Number(from) >= MAX_PORTS_PER_SERVICE;
}

/** A host range for one container port means any of them, to compose. */
function chosen({ ip, host: given, container, protocol }: Port): { text: string; reason?: string } {
  const host = given === "0" ? undefined : given;
  const range = RANGE.exec(host ?? "");
  const picked = range && /^\d+$/.test(container) && range[1] !== range[2];
  const used = picked ? range[1] : host;
  const address = ip === undefined || used === undefined ? "" : `${written(ip)}:`;
  const text = `${address}${used === undefined ? "" : `${used}:`}${container}${protocol === "tcp" ? "" : `/${protocol}`}`;
  return picked ? { text, reason: `compose takes any free port of ${host}; orco the one that is written` } : { text };
}

/** IPv6 in brackets; a variable that may be empty means every address to compose, and is no address to orco. */
function written(ip: string): string {
  if (isOpen(ip)) return ip.replace(/^(\$\{\w+:?-)\}$/, "$1127.0.0.1}");
  return ip.includes(":") ? `[${ip}]` : ip;
}

function wide({ ip, host }: Port, text: string): string[] {
  if (host === undefined || host === "0")
    return ['compose publishes it on a random port; orco gives it none on this machine unless one is written, as in "8080:80"'];
  if (ip !== undefined && isOpen(ip) && written(ip) !== ip)
    return [`an empty ${ip} is every address to compose; orco wants one: 127.0.0.1`];
  if (ip !== undefined) return [];
  const inner = isOpen(text) && !/:/.test(text) ? "HOST:CONTAINER" : text;
  return [`on 127.0.0.1 only; on every address, as compose publishes it (0.0.0.0): "0.0.0.0:${inner}"`];
}

export const expose: Handler = (at) => at.dropped("not needed: the services of a stack reach every port of one another");
