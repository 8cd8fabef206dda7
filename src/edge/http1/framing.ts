import { matchesAt, valueOf } from "./fields.ts";
import { tokensOf } from "./lists.ts";
import type { Framing, Refused } from "./message.ts";
import { refuse } from "./refuse.ts";
import type { Settled, Value } from "./settle.ts";

type Lengths = Pick<Settled, "version" | "length" | "chunked">;

/** Without sign, space, leading zero or list; 15 digits stay exact in a double. */
const LENGTH = /:[\t ]*(?:0|[1-9][0-9]{0,14})[\t ]*\r\n/y;
const CHUNKED = /:[\t ]*chunked[\t ]*\r\n/iy;
const DIGITS = /:[\t ]*[0-9]+[\t ]*\r\n/y;
const KNOWN_CODINGS = new Set(["chunked", "gzip", "x-gzip", "deflate", "compress", "x-compress"]);
const BY_CHUNKS: Framing = { kind: "chunked" };

/** RFC 9112 §6.2, §6.3: equal repetitions could be folded into one; they are refused like any other. */
export function takeLength(lengths: Lengths, { text, colon, end }: Value): Refused | undefined {
  if (lengths.length !== -1) return refuse(400, "duplicate_content_length", "there is more than one Content-Length header");
  if (lengths.chunked) return refuseBoth();
  if (!matchesAt(LENGTH, text, colon)) {
    const why = matchesAt(DIGITS, text, colon) ? "is too large or has leading zeros" : "is not a number of bytes";
    return refuse(400, "bad_content_length", `the Content-Length ${why}`);
  }
  lengths.length = Number(valueOf(text, colon, end));
  return undefined;
}

/** RFC 9112 §6.1: chunked is the only coding taken, once, and never in HTTP/1.0. */
export function takeCoding(lengths: Lengths, { text, colon, end }: Value): Refused | undefined {
  if (lengths.version === 0) return refuse(400, "transfer_encoding_in_http_1_0", "HTTP/1.0 has no Transfer-Encoding");
  if (lengths.chunked) return refuse(400, "bad_transfer_encoding", "chunked is named more than once");
  if (lengths.length !== -1) return refuseBoth();
  if (!matchesAt(CHUNKED, text, colon)) return refuseCoding(valueOf(text, colon, end).toLowerCase());
  lengths.chunked = true;
  return undefined;
}

function refuseCoding(value: string): Refused {
  const codings = tokensOf(value);
  if (codings?.some((coding) => !KNOWN_CODINGS.has(coding))) return refuse(501, "unknown_transfer_encoding", "only chunked is known here");
  if (codings?.at(-1) !== "chunked") return refuse(400, "bad_transfer_encoding", "the Transfer-Encoding does not end in chunked");
  if (codings.length === 1 || codings.indexOf("chunked") < codings.length - 1) {
    return refuse(400, "bad_transfer_encoding", "chunked is not named once and alone");
  }
  return refuse(501, "unknown_transfer_encoding", "no Transfer-Encoding but chunked is taken");
}

function refuseBoth(): Refused {
  return refuse(400, "length_and_chunked", "there is a Content-Length and a Transfer-Encoding");
}

/** RFC 9112 §6.3. Undefined: neither a length nor chunked. */
export function framingOf({ chunked, length }: Lengths): Framing | undefined {
  if (chunked) return BY_CHUNKS;
  return length === -1 ? undefined : { kind: "length", bytes: length };
}
