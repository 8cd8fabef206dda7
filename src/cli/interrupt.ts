import { readFileSync } from "node:fs";

/** Ctrl-C, and the polite ways to end a command, as signals of its operations. */
export interface Interrupt {
  /** Aborts at the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** Aborts at the second. */
  readonly again: AbortSignal;
  /** As the signals: for a terminal that sends a character instead. */
  press(): void;
  /** Gives the signals their usual meaning back. */
  release(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export function interrupt(): Interrupt {
  const first = new AbortController();
  const second = new AbortController();
  const press = (): void => (first.signal.aborted ? second : first).abort();
  const heard = SIGNALS.filter((name) => name !== "SIGHUP" || !outlivesTerminal());
  for (const name of heard) process.on(name, press);
  return {
    signal: first.signal,
    again: second.signal,
    press,
    release() {
      for (const name of heard) process.off(name, press);
    },
  };
}

/** Whoever started it has said so: `nohup` leaves SIGHUP ignored, and a handler of our own would undo that. Source: proc_pid_status(5), SigIgn. */
function outlivesTerminal(): boolean {
  try {
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
    return (BigInt(`0x${ignored}`) & 1n) === 1n;
  } catch {
    return false; // no Linux
  }
}
