import { readFileSync } from "node:fs";

/** For the table, certificates, the log, listeners and those who dial. */
const RESERVED_FILES = 64;
/** A client's connection and the one to its target. */
const FILES_EACH = 2;

/**
 * How many clients a worker lets in: without a file left it could read no table, reach no target, and would spin on a connection that it
 * cannot accept. Who comes after that is reset.
 */
export class Room {
  private left = 0;
  private full = false;

  constructor(
    private readonly options: { readonly clients: number; readonly taken: () => number; readonly warn: (message: string) => void },
  ) {}

  /** Counted only when what was free at the last count is used up. */
  take(): boolean {
    if (this.left <= 0) this.count();
    this.left--;
    return this.left >= 0;
  }

  private count(): void {
    const { clients, taken, warn } = this.options;
    this.left = Math.max(0, clients - taken());
    const full = this.left === 0;
    if (full && !this.full) warn(`${clients} clients are connected, as many as its limit of open files allows; others are refused`);
    this.full = full;
  }
}

/** Of this process, given its limit of open files (/proc/self/limits). */
export function clientsAllowed(limits: string = readFileSync("/proc/self/limits", "latin1")): number {
  const files = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  return Math.max(1, Math.floor((files - RESERVED_FILES) / FILES_EACH));
}
