import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { errnoOf } from "../../kernel/errors.ts";
import { readUpTo } from "./file.ts";
import type { Punch } from "./punch.ts";

/** Freed at once when a service has no secrets: fewer calls, and the file system frees whole blocks. */
const PUNCH_BYTES = 256 * 1024;

export interface SpoolLooks {
  readonly size: number;
  readonly mtimeMs: number;
}

const NOTHING: SpoolLooks = { size: 0, mtimeMs: 0 };

/** A spool file, written by the instance and read here. It may not exist yet. */
export class Spool {
  private fd: number | undefined;
  private punched = 0;
  private canPunch: boolean;
  private readonly probe = new Uint8Array(1);

  constructor(
    private readonly path: string,
    private readonly punch: Punch | undefined,
  ) {
    this.canPunch = punch !== undefined;
  }

  /** Bytes written so far; 0 while there is no file. */
  size(): number {
    const fd = this.open();
    return fd === undefined ? 0 : fstatSync(fd).size;
  }

  /** Whether there are bytes after `offset`: the look that is taken all the time, and reading one byte costs a third of a stat. */
  reaches(offset: number): boolean {
    const fd = this.open();
    return fd !== undefined && readSync(fd, this.probe, 0, 1, offset) > 0;
  }

  /** `mtimeMs`: with fractions, of the last write, cut or `free`. */
  looks(): SpoolLooks {
    const fd = this.open();
    return fd === undefined ? NOTHING : fstatSync(fd);
  }

  read(into: Uint8Array, at: number): number {
    const fd = this.open();
    return fd === undefined ? 0 : readUpTo(fd, into, at);
  }

  /** Frees what lies before `offset`, which is safe only once a checkpoint says that it was read. `always`: also a few bytes. True when it did. */
  free(offset: number, always: boolean): boolean {
    if (offset < this.punched) this.punched = 0; // it was cut off
    if (!this.canPunch || this.fd === undefined || offset <= this.punched) return false;
    if (!always && offset - this.punched < PUNCH_BYTES) return false;
    this.canPunch = this.punch?.(this.fd, this.punched, offset) ?? false;
    this.punched = offset;
    return this.canPunch;
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }

  private open(): number | undefined {
    if (this.fd !== undefined) return this.fd;
    try {
      this.fd = openSync(this.path, (this.canPunch ? constants.O_RDWR : constants.O_RDONLY) | constants.O_NOFOLLOW);
    } catch (error) {
      const code = errnoOf(error);
      if (code === "ENOENT") return undefined;
      if (!this.canPunch) throw error;
      this.canPunch = false; // not ours to write: then it is only read
      return this.open();
    }
    return this.fd;
  }
}
