import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { descendantsOf } from "../supervise/proc.ts";

/** TCP_LISTEN in /proc/net/tcp. */
const LISTEN = "0A";
/** Addresses as the kernel writes them on which 127.0.0.1 is answered: itself, 0.0.0.0, ::, and ::ffff:127.0.0.1. Words are in host byte order. */
const ANSWERS_LOOPBACK = /^(?:0100007F|0{8}|0{32}|0{16}FFFF00000100007F)$/;

interface Listener {
  readonly port: number;
  /** A client on 127.0.0.1 reaches it. */
  readonly onLoopback: boolean;
}

/** TCP ports on which the process or something below it listens, ascending. What is another user's is not seen. */
export function listeningPorts(pid: number): number[] {
  return [...new Set(listenersOf(pid).map(({ port }) => port))].toSorted((a, b) => a - b);
}

/**
 * Why nobody answers on 127.0.0.1:`port` although the process runs: `it listens on 4000, not on its PORT 3901: …`. undefined when it listens there, or
 * nowhere (yet).
 */
export function listensElsewhere(pid: number, port: number): string | undefined {
  const listeners = listenersOf(pid);
  if (listeners.length === 0 || listeners.some((one) => one.port === port && one.onLoopback)) return undefined;
  if (listeners.some((one) => one.port === port))
    return `it listens on port ${port}, but not on 127.0.0.1: let it listen there or on 0.0.0.0`;
  const ports = [...new Set(listeners.map((one) => one.port))].toSorted((a, b) => a - b);
  return `it listens on ${ports.join(", ")}, not on its PORT ${port}: let start_command use \${PORT}`;
}

function listenersOf(pid: number): Listener[] {
  return descendantsOf(pid).flatMap((member) => {
    const inodes = socketsOf(member);
    return inodes.size === 0 ? [] : ["tcp", "tcp6"].flatMap((table) => listenersIn(member, table, inodes));
  });
}

function socketsOf(pid: number): Set<string> {
  const links = (attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? []).map(
    (fd) => attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? "",
  );
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

/** By the process's own view of the network: it may live in another namespace. */
function listenersIn(pid: number, table: string, inodes: ReadonlySet<string>): Listener[] {
  const rows = (attempt(() => readFileSync(`/proc/${pid}/net/${table}`, "latin1")) ?? "").split("\n").slice(1);
  return rows.flatMap((row) => {
    const [, local = "", , state, , , , , , inode = ""] = row.trim().split(/\s+/);
    const [address = "", port = ""] = local.split(":");
    if (state !== LISTEN || !inodes.has(inode)) return [];
    return [{ port: Number.parseInt(port, 16), onLoopback: ANSWERS_LOOPBACK.test(address) }];
  });
}

/** What is gone, or not ours to look at, shows nothing. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
