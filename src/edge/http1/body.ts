import type { Framing } from "./message.ts";
import { ChunkedScanner } from "./chunked.ts";
import type { Refusal } from "./message.ts";

/** `consumed`: how many of the bytes belong to the body and may go on as they are. `done`: it ends there; what follows is the next message. */
export type Scan = { readonly consumed: number; readonly done: boolean } | { readonly refused: Refusal };

export interface BodyScanner {
  /**
   * Give the bytes in order, each once, in pieces of any size, until `done`. For `none` and a length of 0 the first call, even with no bytes, is done.
   * Refused: pass none of these bytes on and close; those passed on before are the beginning of a valid body, never a whole one.
   */
  scan(bytes: Uint8Array): Scan;
}

/** Finds the end of a body (RFC 9112 §6.3) without touching its bytes. */
export function bodyScanner(framing: Framing): BodyScanner {
  switch (framing.kind) {
    case "none":
      return new LengthScanner(0);
    case "length":
      return new LengthScanner(framing.bytes);
    case "chunked":
      return new ChunkedScanner();
    case "until-close":
      return { scan: (bytes) => ({ consumed: bytes.length, done: false }) };
  }
}

class LengthScanner implements BodyScanner {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  scan(bytes: Uint8Array): Scan {
    const consumed = Math.min(this.#left, bytes.length);
    this.#left -= consumed;
    return { consumed, done: this.#left === 0 };
  }
}

/** `payload`: the body's own bytes among those consumed, as slices of what was given. */
export type Dechunked =
  | { readonly consumed: number; readonly done: boolean; readonly payload: readonly Uint8Array[] }
  | { readonly refused: Refusal };

/** Takes a chunked body apart for an HTTP/1.0 client (RFC 9112 §7.1.3). Trailers are dropped. Give bytes as to a `BodyScanner`. */
export function dechunk(): { scan(bytes: Uint8Array): Dechunked } {
  const scanner = new ChunkedScanner();
  return {
    scan: (bytes) => {
      const payload: Uint8Array[] = [];
      const scan = scanner.scan(bytes, (from, to) => payload.push(bytes.subarray(from, to)));
      return "refused" in scan ? scan : { ...scan, payload };
    },
  };
}
