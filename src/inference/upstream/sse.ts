const LF = 0x0a;
const CR = 0x0d;
const NOTHING = Buffer.alloc(0);

/** A line in a stream that goes on beyond this is no frame. */
export const MAX_FRAME_BYTES = 1024 * 1024;

/**
 * Cuts an event stream (HTML §9.2.6) into frames without decoding it: bytes may come in pieces of any size. Lines end with LF, CRLF or CR.
 * `push` the bytes, which are kept, then call `next` until there is none.
 */
export class FrameSplitter {
  /** What is looked at: bytes as they came, or `store` when a frame came in pieces. */
  bytes: Buffer = NOTHING;
  /** Where the next frame begins. */
  from = 0;
  /** Where the last frame that `next` found ends. */
  to = 0;
  /** Up to here nothing ends. */
  private at = 0;
  private lineFrom = 0;
  /** Room behind `bytes` in the buffer that holds them; 0: they are not ours to extend. */
  private room = 0;

  /** Bytes of the frame that is not complete. */
  get pending(): number {
    return this.bytes.length - this.from;
  }

  push(piece: Buffer): void {
    if (this.pending === 0) this.restart(piece);
    else this.append(piece);
  }

  /** True: `from` to `to` of `bytes` is a frame; call `take` when it was dealt with. */
  next(): boolean {
    const { bytes } = this;
    let { at, lineFrom } = this;
    for (; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte !== LF && byte !== CR) continue;
      const blank = at === lineFrom;
      if (byte === CR) {
        if (at + 1 < bytes.length) {
          if (bytes[at + 1] === LF) at++;
          // Its LF may be yet to come. After a CR alone none is waited for: if one comes, it is an empty frame of its own.
        } else if (!blank || bytes[at - 1] === LF) break;
      }
      lineFrom = at + 1;
      if (!blank) continue;
      this.at = lineFrom;
      this.lineFrom = lineFrom;
      this.to = lineFrom;
      return true;
    }
    this.at = at;
    this.lineFrom = lineFrom;
    return false;
  }

  /** The frame ends at `to`: of one that `next` found, or whose end was known without looking. */
  take(to: number): void {
    this.from = to;
    this.at = to;
    this.lineFrom = to;
  }

  private restart(bytes: Buffer): void {
    this.bytes = bytes;
    this.room = 0;
    this.take(0);
  }

  private append(piece: Buffer): void {
    const { pending } = this;
    const length = pending + piece.length;
    if (this.from === 0 && this.room >= piece.length) {
      piece.copy(Buffer.from(this.bytes.buffer, this.bytes.byteOffset + pending, piece.length));
      this.bytes = Buffer.from(this.bytes.buffer, this.bytes.byteOffset, length);
      this.room -= piece.length;
      return;
    }
    // Of its own: those who were given frames keep them. Doubling keeps a frame in a million pieces linear.
    const store = Buffer.allocUnsafeSlow(Math.max(256, 2 * length));
    this.bytes.copy(store, 0, this.from);
    piece.copy(store, pending);
    this.at -= this.from;
    this.lineFrom -= this.from;
    this.from = 0;
    this.bytes = store.subarray(0, length);
    this.room = store.length - length;
  }
}
