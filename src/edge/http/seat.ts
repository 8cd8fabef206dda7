import { stickyCookie } from "../pool/sticky.ts";
import type { Lease } from "../pool/lease.ts";
import type { Site } from "./service.ts";

/** The head of an answer with the cookie that keeps the client at the target it met, when it does not have it yet. */
export function withSeat(head: Buffer, lease: Lease | undefined, { site, secure }: { site: Site | undefined; secure: boolean }): Buffer {
  const stick = lease?.newStick;
  if (stick === undefined) return head;
  const sticky = site?.front.sticky;
  if (!sticky || !("cookie" in sticky)) return head;
  const cookie = stickyCookie(sticky.cookie, { stick, secure });
  return Buffer.concat([head.subarray(0, -2), Buffer.from(`Set-Cookie: ${cookie}\r\n\r\n`, "latin1")]);
}
