const CLOSE = 8;
/** Lengths that do not fit the second byte follow it in 2 or 8 bytes, big-endian. */
const LENGTH_IN_2 = 126;
const LENGTH_IN_8 = 127;
const MASK_BYTES = 4;

/**
 * Follows where frames begin and end in one direction of a WebSocket (RFC 6455 §5.2), so that a frame can be put between two of them.
 * Payloads are skipped, never looked at. A length that no peer can mean leaves the frame open for good.
 */
export class FrameScanner {
  /** The peer has said goodbye: nothing may follow. */
  closing = false;
  /** Bytes of mask and payload still to come. */
  private left = 0;
  private stage: "first" | "second" | "length" = "first";
  private opcode = 0;
  private masked = false;
  private length = 0;
  private lengthBytes = 0;

  /** No frame is under way. */
  get atBoundary(): boolean {
    return this.stage === "first" && this.left === 0;
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.left > 0) {
        const skipped = Math.min(this.left, bytes.length - at);
        this.left -= skipped;
        at += skipped;
      } else {
        this.header(bytes[at++] as number);
      }
    }
  }

  private header(byte: number): void {
    if (this.stage === "first") {
      this.opcode = byte & 15;
      this.stage = "second";
    } else if (this.stage === "second") {
      this.masked = byte > 127;
      this.second(byte & 127);
    } else {
      this.length = this.length * 256 + byte;
      if (--this.lengthBytes === 0) this.payload();
    }
  }

  private second(length: number): void {
    this.lengthBytes = length === LENGTH_IN_2 ? 2 : length === LENGTH_IN_8 ? 8 : 0;
    this.length = this.lengthBytes > 0 ? 0 : length;
    this.stage = "length";
    if (this.lengthBytes === 0) this.payload();
  }

  private payload(): void {
    this.left = this.length + (this.masked ? MASK_BYTES : 0);
    this.stage = "first";
    if (this.opcode === CLOSE) this.closing = true;
  }
}

/** A Close frame as a server sends it, unmasked: status 1001, "going away" (RFC 6455 §7.4.1). */
export const GOING_AWAY: Uint8Array = Uint8Array.of(0x80 | CLOSE, 2, 1001 >> 8, 1001 & 255);
