import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { allPids, commandOf } from "./proc.ts";

/** TCP_LISTEN in /proc/net/tcp. */
const LISTEN = "0A";

export interface PortHolder {
  /** Absent when the holder is another user's, in another pid namespace, or holds it for a container. */
  readonly pid?: number;
  readonly command: string;
}

/**
 * Who listens on a TCP port; undefined when nobody does. With `host`, only a listener that would be in the way of binding that
 * address: on the same address, or on all addresses.
 */
export function portHolder(port: number, host?: string): PortHolder | undefined {
  // Asked before every start: /proc/net/tcp costs milliseconds on a busy machine, a bind a tenth of one.
  if (canBind(port, host)) return undefined;
  const inodes = new Set(listeners(port, host));
  if (inodes.size === 0) return undefined;
  for (const pid of allPids()) {
    if (holds(pid, inodes)) return holderOf(pid, port);
  }
  return { command: "a process of another user" };
}

/** Docker's proxies are not to be stopped themselves. */
function holderOf(pid: number, port: number): PortHolder {
  const command = commandOf(pid);
  return /(?:^|\/)docker-proxy /.test(command)
    ? { command: `a container (docker ps --filter publish=${port} shows which)` }
    : { pid, command };
}

function canBind(port: number, hostname = "0.0.0.0"): boolean {
  try {
    Bun.listen({ hostname, port, socket: { data: () => undefined } }).stop(true);
    return true;
  } catch {
    return false;
  }
}

/** A port of the kernel's choice that is free on 127.0.0.1, until somebody takes it. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

/** How many of the ports given out last are not given out again: starts under way at one time are far fewer. */
const REMEMBERED = 1024;
const ATTEMPTS = 64;

/** Free ports for instances. Of a hundred that start together two would often be told the same one, for none has bound its own yet. */
export class FreePorts {
  private readonly given = new Set<number>();

  constructor(private readonly pick: () => number = freePort) {}

  next(): number {
    let port = this.pick();
    for (let attempt = 1; this.given.has(port) && attempt < ATTEMPTS; attempt++) port = this.pick();
    this.given.delete(port);
    this.given.add(port);
    const [oldest] = this.given;
    if (oldest !== undefined && this.given.size > REMEMBERED) this.given.delete(oldest);
    return port;
  }
}

function listeners(port: number, host: string | undefined): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => {
    const rows = readTable(file).map((line) => line.trim().split(/\s+/));
    return rows.flatMap(([, local = "", , state, , , , , , inode = ""]) => {
      const [address = "", localPort] = local.split(":");
      return state === LISTEN && localPort === wanted && collides(address, host) ? [inode] : [];
    });
  });
}

function readTable(file: string): string[] {
  try {
    return readFileSync(file, "latin1").split("\n").slice(1, -1);
  } catch {
    // No IPv6 on this machine.
    return [];
  }
}

/** Addresses are words in host byte order: 0100007F is 127.0.0.1. Only IPv4 hosts are told apart. */
function collides(address: string, host: string | undefined): boolean {
  if (host === undefined || host === "0.0.0.0" || host === "::" || /^0+$/.test(address)) return true;
  const octets = (host === "localhost" ? "127.0.0.1" : host).split(".").map(Number);
  if (octets.length !== 4) return true;
  const hex = octets
    .toReversed()
    .map((octet) => octet.toString(16).toUpperCase().padStart(2, "0"))
    .join("");
  return address === hex || address === `0000000000000000FFFF0000${hex}`;
}

function holds(pid: number, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => inodes.has(/^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1] ?? ""));
  } catch {
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
