import { randomFillSync } from "node:crypto";
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { CancelTimer, Clock } from "./clock.ts";
import { OrcoError } from "./errors.ts";

const MIB = 1024 * 1024;
export const RESERVE_BYTES = 2 * MIB;
/** It is made only where more than this is left beside it: it must not be what fills the disk. */
const BESIDE_BYTES = 2 * MIB;
/** With less than this a change might begin and not end. */
const SCARCE_BYTES = MIB;
/** With less than this nothing can be written. */
const FULL_BYTES = 64 * 1024;
/** Of what is freed the journal takes as much for itself at once; the rest is for files beside it. */
const JOURNAL_BYTES = RESERVE_BYTES - MIB / 2;
const LOOK_MS = 1000;

interface ReserveOptions {
  readonly home: string;
  readonly clock: Clock;
  /** Calls `free`, and makes as much of that the journal's before somebody else writes there. Returns the bytes it got. */
  readonly secure: (bytes: number, free: () => void) => number;
}

/** `$ORCO_HOME/reserve`: room that is kept so that what runs can be taken down while the disk is full. */
export class Reserve {
  private readonly path: string;
  /** Counts how often it was given up: several may wait for the same room. */
  private given = 0;
  private cancel: CancelTimer | undefined;

  constructor(private readonly options: ReserveOptions) {
    this.path = join(options.home, "reserve");
  }

  /** Makes it, now or as soon as there is room. */
  keep(): void {
    this.cancel?.();
    this.cancel = this.held() || this.make() ? undefined : this.options.clock.after(LOOK_MS, () => this.keep());
  }

  close(): void {
    this.cancel?.();
  }

  /** Carries out what takes something down; where the disk is too full for it, with the room that was kept for it, once more. */
  async takingDown<T>(act: () => Promise<T>): Promise<T> {
    if (this.room() < SCARCE_BYTES) this.give();
    const before = this.given;
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof OrcoError) || error.code !== "disk_full") throw error;
      if (this.given === before && !this.give()) throw error;
      return act();
    }
  }

  /** What else is asked for has to wait while the last room is in use: `disk_full`. */
  refusal(): OrcoError | undefined {
    if (this.held() || this.given === 0 || this.room() >= SCARCE_BYTES) return undefined;
    return new OrcoError("disk_full", `${this.full()}; only what takes something down is carried out`, { home: this.options.home });
  }

  /** Why nothing can be written, as far as the file system tells. */
  trouble(): string | undefined {
    return this.room() < FULL_BYTES ? this.full() : undefined;
  }

  full(): string {
    return `disk full: ${this.options.home} has no room, changes are refused and logs wait: make space there`;
  }

  /** False when that gave no room. */
  private give(): boolean {
    const secured = this.options.secure(JOURNAL_BYTES, () => rmSync(this.path, { force: true }));
    this.keep();
    if (secured > 0) this.given += 1;
    return secured > 0;
  }

  private held(): boolean {
    return statSync(this.path, { throwIfNoEntry: false })?.size === RESERVE_BYTES;
  }

  /** Bytes that cannot be compressed away, written: a sparse file keeps nothing. */
  private make(): boolean {
    if (this.room() < RESERVE_BYTES + BESIDE_BYTES) return false;
    try {
      const fd = openSync(this.path, "w", 0o600);
      try {
        const block = randomFillSync(Buffer.allocUnsafe(MIB));
        for (let written = 0; written < RESERVE_BYTES;) written += writeSync(fd, block, 0, Math.min(MIB, RESERVE_BYTES - written));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      return true;
    } catch {
      rmSync(this.path, { force: true });
      return false;
    }
  }

  /** Root may write where others find no room any more. */
  private room(): number {
    try {
      const { bavail, bfree, bsize } = statfsSync(this.options.home);
      return (process.getuid?.() === 0 ? bfree : bavail) * bsize;
    } catch {
      return Number.POSITIVE_INFINITY; // a home that is gone is not full
    }
  }
}
