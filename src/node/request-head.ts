import type { RequestHead } from "../edge/http1/message.ts";
import type { EngineSeat } from "./book.ts";

/** Between two neighbours only; keys are for this node. */
const LEFT_OUT: ReadonlySet<string> = new Set(
  "host connection keep-alive proxy-connection proxy-authorization te upgrade authorization x-api-key".split(" "),
);

/** Whoever names them in Connection would have the engine take a body for another request (RFC 9110 §7.6.1 forbids it). */
const KEPT: ReadonlySet<string> = new Set(["content-length", "transfer-encoding"]);

/** The head as the engine gets it: everything else as it came, for one request on one connection. `path` begins with a slash. */
export function headForEngine({ method, headers, fields }: RequestHead, seat: EngineSeat, path: string): Buffer {
  const listed = new Set(fields.connection.split(","));
  const goesOn = (name: string): boolean => KEPT.has(name) || !(LEFT_OUT.has(name) || listed.has(name));
  const kept = headers.filter(([name]) => goesOn(name.toLowerCase()));
  const lines = kept.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`${method} ${seat.prefix}${path} HTTP/1.1\r\nHost: ${seat.authority}\r\n${lines}Connection: close\r\n\r\n`, "latin1");
}
