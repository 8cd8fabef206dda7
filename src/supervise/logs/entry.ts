import { createHash } from "node:crypto";

/**
 * A line of a segment's index: written after the bytes it covers, so that it is at once the checkpoint of a stream,
 * the time index and the seq index. It covers the bytes from the previous entry's `end` to its own; all of them were
 * read at `ts`, from one stream of one instance.
 *
 * 64 bytes, little endian: f64 end, seq, ts, spool · 16 bytes instance · u32 replica · u8 stream · u8 flags · u16 left ·
 * u32 reserved · u32 crc32 of what precedes.
 */
export interface Entry {
  /** Offset in the segment after the bytes that this entry covers. */
  readonly end: number;
  /** seq of the last record so far. */
  readonly seq: number;
  /** Epoch ms. */
  readonly ts: number;
  /** Where in the spool the next read begins. */
  readonly spool: number;
  /** 32 hex digits; zeros for orco's own lines. */
  readonly instance: string;
  readonly replica: number;
  readonly stream: number;
  readonly flags: number;
  /** In a snapshot: how many entries of it follow. */
  readonly left: number;
}

export const ENTRY_BYTES = 64;
export const STREAM = { stdout: 0, stderr: 1, orco: 2 } as const;
export const FLAG = {
  /** The cursor stands inside a line that is longer than a record may be. */
  midline: 1,
  /** The instance has ended and was read to its end. */
  ended: 2,
  /** States a cursor again and covers no bytes. */
  snapshot: 4,
} as const;
export const NO_INSTANCE = "0".repeat(32);

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The 16 bytes of a UUID as hex; of any other name, its MD5. */
export function instanceKey(instance: string): string {
  if (UUID.test(instance)) return instance.replaceAll("-", "").toLowerCase();
  return createHash("md5").update(instance).digest("hex");
}

export function encodeEntry(entry: Entry, into: Buffer = Buffer.alloc(ENTRY_BYTES), at = 0): Buffer {
  into.writeDoubleLE(entry.end, at);
  into.writeDoubleLE(entry.seq, at + 8);
  into.writeDoubleLE(entry.ts, at + 16);
  into.writeDoubleLE(entry.spool, at + 24);
  into.write(entry.instance, at + 32, 16, "hex");
  into.writeUInt32LE(entry.replica, at + 48);
  into.writeUInt8(entry.stream, at + 52);
  into.writeUInt8(entry.flags, at + 53);
  into.writeUInt16LE(entry.left, at + 54);
  into.writeUInt32LE(0, at + 56);
  into.writeUInt32LE(checksum(into, at), at + 60);
  return into;
}

/** Undefined when the bytes at `at` are no whole entry. */
export function decodeEntry(from: Buffer, at = 0): Entry | undefined {
  if (from.length < at + ENTRY_BYTES || from.readUInt32LE(at + 60) !== checksum(from, at)) return undefined;
  return {
    end: from.readDoubleLE(at),
    seq: from.readDoubleLE(at + 8),
    ts: from.readDoubleLE(at + 16),
    spool: from.readDoubleLE(at + 24),
    instance: from.toString("hex", at + 32, at + 48),
    replica: from.readUInt32LE(at + 48),
    stream: from.readUInt8(at + 52),
    flags: from.readUInt8(at + 53),
    left: from.readUInt16LE(at + 54),
  };
}

function checksum(bytes: Buffer, at: number): number {
  return Bun.hash.crc32(bytes.subarray(at, at + ENTRY_BYTES - 4));
}
