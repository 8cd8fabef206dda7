import { openC } from "../kernel/libc.ts";

/** System call numbers shared by x86-64, arm64 and riscv64. */
const PIDFD_SEND_SIGNAL = 424;
const PIDFD_OPEN = 434;

/** The few C functions that Bun has no word for. */
export interface Libc {
  syscall(number: number, a: number, b: number, c: number, d: number): bigint;
  close(fd: number): number;
  poll(fds: Uint8Array, count: number, timeoutMs: number): number;
}

/** undefined with another C library, or where ffi is switched off. */
export function openLibc(): Libc | undefined {
  return openC({
    syscall: { args: ["i64", "i64", "i64", "i64", "i64"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
    poll: { args: ["buffer", "u64", "i32"], returns: "i32" },
  })?.symbols;
}

/** A descriptor that stands for the process itself, not for its number. undefined when there is no such process, or on Linux before 5.3. */
export function pidfdOpen(libc: Libc | undefined, pid: number): number | undefined {
  const pidfd = Number(libc?.syscall(PIDFD_OPEN, pid, 0, 0, 0) ?? -1n);
  return pidfd < 0 ? undefined : pidfd;
}

export function pidfdSendSignal(
  libc: Libc | undefined,
  { pidfd, number, flags }: { pidfd: number; number: number; flags: number },
): boolean {
  return libc?.syscall(PIDFD_SEND_SIGNAL, pidfd, number, 0, flags) === 0n;
}
