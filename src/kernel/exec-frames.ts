/** The stream of `orco exec`: docker's frames (kind, three zeros, size as u32 big-endian, then the bytes), with one kind more. */

export type ExecFrame =
  | { readonly kind: "stdout" | "stderr"; readonly data: Uint8Array }
  | { readonly kind: "status"; readonly status: ExecStatus };

/** The first frame says `id`, the last one how it ended; none at the end: the connection broke. */
export interface ExecStatus {
  readonly id?: string;
  /** Of a signal the code is 128 and its number. */
  readonly exit?: { readonly code?: number; readonly signal?: string; readonly reason?: "instance_ended" | "daemon_ended" };
  /** It could not be started after all. */
  readonly error?: { readonly code: string; readonly message: string };
}

const KINDS = { stdout: 1, stderr: 2, status: 3 } as const;
const HEADER_BYTES = 8;
/** More than any frame has: what says so speaks another language. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

export function encodeExecFrame(frame: ExecFrame): Uint8Array {
  const data = frame.kind === "status" ? Buffer.from(JSON.stringify(frame.status)) : frame.data;
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + data.byteLength);
  bytes.writeUInt32BE(KINDS[frame.kind] * 2 ** 24, 0);
  bytes.writeUInt32BE(data.byteLength, 4);
  bytes.set(data, HEADER_BYTES);
  return bytes;
}

/** Takes chunks as they come and gives the frames that are complete; frames without bytes (keep-alive) are left out. */
export class ExecFrames {
  private parts: Uint8Array[] = [];
  private held = 0;
  private wanted = HEADER_BYTES;

  /** Throws for what is no such stream. */
  take(chunk: Uint8Array): ExecFrame[] {
    this.parts.push(chunk);
    this.held += chunk.byteLength;
    if (this.held < this.wanted) return [];
    let bytes = this.parts.length === 1 ? asBuffer(chunk) : Buffer.concat(this.parts);
    const frames: ExecFrame[] = [];
    for (this.wanted = neededBy(bytes); bytes.length >= this.wanted; this.wanted = neededBy(bytes)) {
      const frame = frameOf(bytes[0] ?? 0, bytes.subarray(HEADER_BYTES, this.wanted));
      if (frame) frames.push(frame);
      bytes = bytes.subarray(this.wanted);
    }
    this.parts = bytes.length > 0 ? [bytes] : [];
    this.held = bytes.length;
    return frames;
  }
}

function neededBy(bytes: Buffer): number {
  if (bytes.length < HEADER_BYTES) return HEADER_BYTES;
  const size = bytes.readUInt32BE(4);
  if (size > MAX_FRAME_BYTES) throw new Error("this is no stream of exec");
  return HEADER_BYTES + size;
}

function frameOf(kind: number, data: Buffer): ExecFrame | undefined {
  if (kind === KINDS.status)
    return { kind: "status", status: JSON.parse((data.length > 0 ? data : NOTHING).toString() || "{}") as ExecStatus };
  if (kind !== KINDS.stdout && kind !== KINDS.stderr) throw new Error("this is no stream of exec");
  return data.length === 0 ? undefined : { kind: kind === KINDS.stdout ? "stdout" : "stderr", data };
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
