import { dechunk } from "./body.ts";
import { parseRequest } from "./head.ts";
import type { RequestHead } from "./message.ts";

export interface ReadRequest {
  readonly head: RequestHead;
  /** As written in the request line. */
  readonly rawTarget: string;
  /** Without chunk framing. */
  readonly body: Buffer;
  /** The body as received. */
  readonly rawBody: Buffer;
}

/** How a client's connection reads: its whole requests, and what stands after them. */
export interface ReadConnection {
  readonly requests: readonly ReadRequest[];
  /** `clean`: nothing. `cut`: the beginning of another request. `closed`: the last request ends the connection. Else the code of a refusal. */
  readonly end: string;
  readonly status?: number;
}

/** Reads all bytes of a connection as a proxy would that gets them in one piece. */
export function readConnection(bytes: Buffer): ReadConnection {
  const requests: ReadRequest[] = [];
  for (let at = 0; at < bytes.length;) {
    const parsed = parseRequest(bytes, at);
    if (parsed.kind === "more") return { requests, end: "cut" };
    if (parsed.kind === "refused") return { requests, end: parsed.refusal.code, status: parsed.refusal.status };
    const { head } = parsed;
    const from = at + head.bytes;
    const body = bodyOf(head, bytes.subarray(from));
    if (typeof body === "string") return { requests, end: body };
    requests.push({ head, rawTarget: rawTargetOf(head), body: body.payload, rawBody: bytes.subarray(from, from + body.bytes) });
    at = from + body.bytes;
    if (!head.keepAlive || head.upgrade !== undefined) return { requests, end: "closed" };
  }
  return { requests, end: "clean" };
}

function bodyOf({ framing }: RequestHead, rest: Buffer): { payload: Buffer; bytes: number } | string {
  if (framing.kind === "none") return { payload: Buffer.alloc(0), bytes: 0 };
  if (framing.kind === "length")
    return framing.bytes > rest.length ? "cut" : { payload: rest.subarray(0, framing.bytes), bytes: framing.bytes };
  const scan = dechunk().scan(rest);
  if ("refused" in scan) return scan.refused.code;
  return scan.done ? { payload: Buffer.concat(scan.payload), bytes: scan.consumed } : "cut";
}

function rawTargetOf({ fields }: RequestHead): string {
  return fields.text.split(" ", 2)[1] ?? "";
}
