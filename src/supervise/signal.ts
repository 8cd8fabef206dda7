import { constants, release } from "node:os";
import { OrcoError } from "../kernel/errors.ts";
import { type Proof, proves } from "./identity.ts";
import { openLibc, pidfdOpen, pidfdSendSignal } from "./libc.ts";

/** Linux 6.9: the whole process group of the pidfd's process. */
const PIDFD_SIGNAL_PROCESS_GROUP = 4;

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
  private readonly groups = this.libc !== undefined && isKernelAtLeast(6, 9);

  constructor(private readonly boot: string) {}

  /** false when the process is gone, unproven or not ours to signal. */
  send(to: Proof, signal: string): boolean {
    const number = signalNumber(signal);
    return this.pinned(to.pid, (pidfd) => {
      if (!proves(to, this.boot)) return false;
      return pidfd === undefined ? kill(to.pid, number) : this.push(pidfd, { number, flags: 0 });
    });
  }

  /** Signals the process group that the process leads. */
  sendGroup(leader: Proof, signal: string): boolean {
    const number = signalNumber(signal);
    return this.pinned(leader.pid, (pidfd) => {
      if (!proves(leader, this.boot)) return false;
      if (pidfd === undefined || !this.groups) return kill(-leader.pid, number);
      return this.push(pidfd, { number, flags: PIDFD_SIGNAL_PROCESS_GROUP });
    });
  }

  /**
   * Holds on to the process group that a child of ours, not yet reaped, leads: it can be killed even when its leader is long
   * gone. undefined where the kernel cannot do that.
   */
  holdGroup(pid: number): { kill(): void; release(): void } | undefined {
    const pidfd = this.groups ? pidfdOpen(this.libc, pid) : undefined;
    if (pidfd === undefined) return undefined;
    return {
      kill: () => void this.push(pidfd, { number: signalNumber("SIGKILL"), flags: PIDFD_SIGNAL_PROCESS_GROUP }),
      release: () => void this.libc?.close(pidfd),
    };
  }

  private pinned(pid: number, act: (pidfd: number | undefined) => boolean): boolean {
    const pidfd = pidfdOpen(this.libc, pid);
    try {
      return act(pidfd);
    } finally {
      if (pidfd !== undefined) this.libc?.close(pidfd);
    }
  }

  private push(pidfd: number | undefined, { number, flags }: { number: number; flags: number }): boolean {
    return pidfd !== undefined && pidfdSendSignal(this.libc, { pidfd, number, flags });
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

function isKernelAtLeast(major: number, minor: number): boolean {
  const [ours = 0, ourMinor = 0] = release().split(/[.-]/).map(Number);
  return ours > major || (ours === major && ourMinor >= minor);
}
