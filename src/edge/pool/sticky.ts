import { createHash } from "node:crypto";
import type { HeaderList } from "../http1/message.ts";
import type { Front } from "../route.ts";

/** What the cookie says for a target: the same in every worker and after every restart, and nothing can be read from it. */
export function stickOf(front: string, target: string): string {
  return createHash("sha256").update(`orco sticky\0${front}\0${target}`).digest("base64url").slice(0, 22);
}

/** The client's part of a sticky front: the value of its cookie or header. Undefined when it has none, or the front is not sticky. */
export function stickFrom(sticky: Front["sticky"], headers: HeaderList): string | undefined {
  if (!sticky) return undefined;
  if ("cookie" in sticky) return cookieValue(sticky.cookie, headers);
  const wanted = sticky.header.toLowerCase();
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1] || undefined;
}

/** RFC 6265 §4.2.1: pairs separated by semicolons. The first of a name wins. */
function cookieValue(wanted: string, headers: HeaderList): string | undefined {
  for (const [name, value] of headers) {
    if (name.length !== 6 || name.toLowerCase() !== "cookie") continue;
    for (const pair of value.split(";")) {
      const equals = pair.indexOf("=");
      if (pair.slice(0, equals).trim() === wanted) return pair.slice(equals + 1).trim();
    }
  }
  return undefined;
}

/** Value of the Set-Cookie field. It lasts as long as the client's session. */
export function stickyCookie(name: string, { stick, secure }: { stick: string; secure: boolean }): string {
  return `${name}=${stick}; Path=/; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;
}
