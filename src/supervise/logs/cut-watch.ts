import type { Spool, SpoolLooks } from "./spool.ts";

/** How much of what was read last is known again by. */
export const TAIL_BYTES = 32;

/**
 * Whether a spool was cut off by its writer. Whoever opens /dev/stdout anew (`echo x > /dev/stderr`) truncates the file and writes from its beginning; by
 * the time somebody looks it may have grown again, to where it was read or past that. Then it shows by what stands there; the same words again pass unseen.
 */
export class CutWatch {
  private looked: SpoolLooks = { size: -1, mtimeMs: 0 };
  private readonly tail = Buffer.alloc(TAIL_BYTES);
  private readonly probe = Buffer.alloc(TAIL_BYTES);
  /** Bytes of `tail`, at its end; none where they cannot be read again. */
  private known = 0;

  constructor(private readonly spool: Spool) {}

  /**
   * `place`: it was read up to there. Another time of the last write alone proves nothing: the kernel sets it before the file has grown, and also when
   * the disk is full and it does not grow.
   */
  isCut({ size, mtimeMs }: SpoolLooks, place: number): boolean {
    if (place === 0 || size < place) return size < place;
    if (size === place && this.looked.size === size && this.looked.mtimeMs === mtimeMs) return false;
    return !this.hasTail(place);
  }

  /** From now on it is compared with these looks. */
  saw(looks: SpoolLooks): void {
    this.looked = looks;
  }

  /** Was read up to the end of `bytes`. */
  read(bytes: Uint8Array): void {
    const fresh = bytes.subarray(-TAIL_BYTES);
    this.tail.copyWithin(0, fresh.length);
    this.tail.set(fresh, TAIL_BYTES - fresh.length);
    this.known = Math.min(TAIL_BYTES, this.known + fresh.length);
  }

  /** Nothing of what was read is in the file any more. */
  forget(): void {
    this.known = 0;
  }

  /** `Spool.free`, after which the spool reads as zeros there and looks as if it had just been written. */
  free(place: number, always: boolean): void {
    const { known, probe, tail } = this;
    const before = this.spool.looks();
    if (this.isCut(before, place)) return; // who reads on finds it
    if (!this.spool.free(place, always)) return;
    if (before.size === this.looked.size) this.looked = { ...this.spool.looks(), size: before.size };
    if (this.spool.read(probe.subarray(0, known), place - known) === known) tail.set(probe.subarray(0, known), TAIL_BYTES - known);
  }

  private hasTail(place: number): boolean {
    const { known, tail, probe } = this;
    if (known === 0) return true;
    const found = probe.subarray(0, this.spool.read(probe.subarray(0, known), place - known));
    return found.equals(tail.subarray(TAIL_BYTES - known));
  }
}
