import { OrcoError } from "../../kernel/errors.ts";

export interface Frame {
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

const HEADER_BYTES = 8;
/** Docker writes at most 32 KiB a frame; more is not this protocol (a container with a tty has no frames). */
const MAX_FRAME_BYTES = 1024 * 1024;
const NOTHING = Buffer.alloc(0);

/** Takes chunks as they come and gives the frames that are complete. Source: Engine API, "Stream format" of container attach. */
export class FrameReader {
  private rest: Buffer = NOTHING;

  /** Frames point into the chunk: they are to be read before the next one. Throws `internal` for what is no frame. */
  take(chunk: Uint8Array): Frame[] {
    const bytes = this.rest.length === 0 ? asBuffer(chunk) : Buffer.concat([this.rest, chunk]);
    const frames: Frame[] = [];
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const size = bytes.readUInt32BE(at + 4);
      const kind = bytes[at];
      if (size > MAX_FRAME_BYTES || (kind !== 1 && kind !== 2)) throw new OrcoError("internal", "docker sent logs that are not in frames");
      if (bytes.length - at < HEADER_BYTES + size) break;
      frames.push({ stream: kind === 1 ? "stdout" : "stderr", data: bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + size) });
      at += HEADER_BYTES + size;
    }
    this.rest = at === bytes.length ? NOTHING : Buffer.from(bytes.subarray(at));
    return frames;
  }
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
