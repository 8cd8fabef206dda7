import { randomFillSync } from "node:crypto";
import { Peer } from "./peer.ts";

export const TEXT = 1;
export const BINARY = 2;
export const CONTINUATION = 0;
const CLOSE = 8;
export const PING = 9;
export const PONG = 10;
/** The example of RFC 6455 §1.3. */
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

export function handshake(...lines: string[]): string {
  const fixed = ["GET /chat HTTP/1.1", "Host: a.example", "Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Key: ${KEY}`];
  return `${[...fixed, "Sec-WebSocket-Version: 13", ...lines].join("\r\n")}\r\n\r\n`;
}

export function accepted(...lines: string[]): string {
  const fixed = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Accept: ${ACCEPT}`];
  return `${[...fixed, ...lines].join("\r\n")}\r\n\r\n`;
}

export interface FrameOptions {
  /** Client frames are. */
  readonly masked?: boolean;
  readonly fin?: boolean;
  /** Reserved bits, as an extension would set them: 4 is RSV1. */
  readonly reserved?: number;
}

/** RFC 6455 §5.2. */
export function frame(
  opcode: number,
  payload: Uint8Array | string,
  { masked = false, fin = true, reserved = 0 }: FrameOptions = {},
): Buffer {
  const data = Buffer.from(payload as string);
  const long = data.length > 65_535 ? 8 : data.length > 125 ? 2 : 0;
  const head = Buffer.alloc(2 + long + (masked ? 4 : 0));
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (long === 8 ? 127 : long === 2 ? 126 : data.length);
  if (long === 2) head.writeUInt16BE(data.length, 2);
  if (long === 8) head.writeBigUInt64BE(BigInt(data.length), 2);
  if (masked) {
    const mask = head.subarray(2 + long);
    randomFillSync(mask);
    for (let n = 0; n < data.length; n++) data[n] = (data[n] ?? 0) ^ (mask[n % 4] ?? 0);
  }
  return Buffer.concat([head, data]);
}

export function closeFrame(code: number, reason = "", options: FrameOptions = {}): Buffer {
  return frame(CLOSE, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]), options);
}

export function bytesOf(...frames: Buffer[]): string {
  return Buffer.concat(frames).toString("latin1");
}

/** Both ends of a WebSocket through the edge, after the handshake. What they hear from then on is in their `text`. */
export interface Chat {
  readonly client: Peer;
  readonly target: Peer;
}
