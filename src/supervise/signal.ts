import { dlopen } from "bun:ffi";
import { constants } from "node:os";
import { OrcoError } from "../kernel/errors.ts";
import { isAlive, readStat } from "./proc.ts";
import type { Identity } from "./runtime.ts";

/** System call numbers shared by x86-64, arm64 and riscv64. */
const PIDFD_SEND_SIGNAL = 424n;
const PIDFD_OPEN = 434n;
/** Linux 6.9: the whole process group of the pidfd's process. */
const PIDFD_SIGNAL_PROCESS_GROUP = 4;
const C_LIBRARIES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/** Is it still the very process it was? A zombie is not: it can neither act nor be signalled. */
export function proves(identity: Identity, boot: string): boolean {
  if (identity.bootId !== boot) return false;
  const stat = readStat(identity.pid);
  return isAlive(stat) && stat.startTime === identity.startTime;
}

export function identify(pid: number, boot: string): Identity | undefined {
  const stat = readStat(pid);
  return stat && { bootId: boot, pid, startTime: stat.startTime };
}

export function signalNumber(name: string): number {
  const number = (constants.signals as Readonly<Record<string, number>>)[name];
  if (number === undefined) throw new OrcoError("invalid", `unknown signal ${name}`);
  return number;
}

/** `SIGTERM` of 15; undefined when no signal has the number. */
export function signalName(number: number): string | undefined {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
}

/**
 * Sends signals to processes that are proven at the moment of sending, and to no others. A pidfd pins the process between
 * the proof and the signal, so that its pid cannot pass to a stranger meanwhile; without pidfds (Linux before 5.3) a window
 * of microseconds remains.
 */
export class Signals {
  private readonly libc = openLibc();

  constructor(private readonly boot: string) {}

  /** false when the process is gone, unproven or not ours to signal. */
  send(to: Identity, signal: string): boolean {
    return this.deliver(to, { signal, flags: 0, fallback: to.pid });
  }

  /** Signals the process group that the process leads. */
  sendGroup(leader: Identity, signal: string): boolean {
    return this.deliver(leader, { signal, flags: PIDFD_SIGNAL_PROCESS_GROUP, fallback: -leader.pid });
  }

  private deliver(to: Identity, { signal, flags, fallback }: { signal: string; flags: number; fallback: number }): boolean {
    const number = signalNumber(signal);
    const pidfd = Number(this.libc?.syscall(PIDFD_OPEN, to.pid, 0, 0, 0) ?? -1n);
    try {
      if (!proves(to, this.boot)) return false;
      if (pidfd >= 0 && this.libc?.syscall(PIDFD_SEND_SIGNAL, pidfd, number, 0, flags) === 0n) return true;
      return kill(fallback, number);
    } finally {
      if (pidfd >= 0) this.libc?.close(pidfd);
    }
  }
}

function kill(pid: number, number: number): boolean {
  try {
    return process.kill(pid, number);
  } catch {
    // ESRCH: it ended first. EPERM: another user's.
    return false;
  }
}

function openLibc() {
  for (const library of C_LIBRARIES) {
    try {
      return dlopen(library, {
        syscall: { args: ["i64", "i64", "i64", "i64", "i64"], returns: "i64" },
        close: { args: ["i32"], returns: "i32" },
      }).symbols;
    } catch {
      // Another C library, or ffi switched off: signals go by pid then.
    }
  }
  return undefined;
}
