import { stickyCookie } from "../pool/sticky.ts";
import type { Lease } from "../pool/lease.ts";
import type { Site } from "./service.ts";

/** The header line with the cookie that keeps the client at the target it met; "" when it has it already, or the front has none. */
export function seatLine(lease: Lease | undefined, { site, secure }: { site: Site | undefined; secure: boolean }): string {
  const stick = lease?.newStick;
  if (stick === undefined) return "";
  const sticky = site?.front.sticky;
  return sticky && "cookie" in sticky ? `Set-Cookie: ${stickyCookie(sticky.cookie, { stick, secure })}\r\n` : "";
}
