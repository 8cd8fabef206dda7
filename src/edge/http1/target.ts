import type { Refused } from "./message.ts";
import { refuse } from "./refuse.ts";
import { isAuthority } from "./authority.ts";

/** Where a request goes: what is written to the target, and the authority when the request line names one. */
export interface Aim {
  readonly target: string;
  readonly authority?: string | undefined;
}

/** RFC 3986 §3.3, §3.4, and what browsers leave as it is. No space, control, quote, `<`, `>`, `#` or 8-bit character; no backslash in a path. */
const ORIGIN = /^\/(?:[!$&-;=@-[\]-z{|}~]|%[0-9A-Fa-f]{2})*(?:\?[!$-;=?-~]*)?$/;
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i;
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;
/** What some servers take for a separator or for the end of a path although it is escaped (%2F, %5C, %00, `;`): beside dots it makes two readings. */
const HIDDEN_DOTS = /(?:^|\/|%2f|%5c)\.{1,2}(?:%2f|%5c|;)|(?:%2f|%5c)\.{1,2}(?:\/|$)/i;

/**
 * RFC 9112 §3.2: origin-form, absolute-form (http, https), and `*` for OPTIONS.
 *
 * The canonical form, so that no target can understand another path than the one that was routed:
 * - dot segments, also written `%2e`, are resolved (RFC 3986 §5.2.4); above the root is refused, not clamped;
 * - slashes at the beginning become one (`//host/x` reads as another authority to many URL parsers); empty segments further on stay;
 * - refused: `%00`, a backslash, a bad escape, a fragment, dots next to `%2f`, `%5c` or `;`, any character that a URL has to escape;
 * - everything else stays byte for byte, other escapes and the query included.
 */
export function aimOf(method: string, target: string): Aim | Refused {
  if (target.charCodeAt(0) === 0x2f) return originForm(target);
  if (target === "*") return method === "OPTIONS" ? { target } : refuse(400, "bad_target", "the target * is for OPTIONS only");
  const absolute = ABSOLUTE.exec(target);
  if (absolute) return absoluteForm(method, absolute[1] ?? "", absolute[2] ?? "");
  const what = SCHEME.test(target) ? "neither a path nor an http address" : "not a path";
  return refuse(400, "bad_target", `the request target is ${what}`);
}

/** RFC 9112 §3.2.2 and, for OPTIONS without a path, §3.2.4. */
function absoluteForm(method: string, authority: string, rest: string): Aim | Refused {
  if (!isAuthority(authority)) return refuse(400, "bad_host", "the request target does not name a host with an optional port");
  if (rest === "") return { target: method === "OPTIONS" ? "*" : "/", authority };
  const aim = originForm(rest.startsWith("?") ? `/${rest}` : rest);
  return "kind" in aim ? aim : { target: aim.target, authority };
}

function originForm(target: string): Aim | Refused {
  if (!ORIGIN.test(target)) return refuse(400, "bad_target", "the request target has a character or an escape that may not stand there");
  if (!target.includes("/.") && !target.includes("%") && target.charCodeAt(1) !== 0x2f) return { target };
  const query = target.indexOf("?");
  const path = query === -1 ? target : target.slice(0, query);
  const plainDots = path.replace(/%2e/gi, ".");
  if (HIDDEN_DOTS.test(plainDots) || path.includes("%00")) {
    return refuse(400, "ambiguous_path", "the path can be understood in more than one way");
  }
  const resolved = resolveDots(path);
  if (resolved === undefined) return refuse(400, "path_above_root", "the path leads above the root");
  return { target: query === -1 ? resolved : resolved + target.slice(query) };
}

/** RFC 3986 §5.2.4, then one slash at the beginning. Undefined: above the root. */
function resolveDots(path: string): string | undefined {
  const kept: string[] = [];
  const segments = path.split("/").slice(1);
  for (const [i, segment] of segments.entries()) {
    const dots = dotsOf(segment);
    if (dots === 2 && kept.pop() === undefined) return undefined;
    if (dots === 0) kept.push(segment);
    else if (i === segments.length - 1) kept.push("");
  }
  return `/${kept.join("/").replace(/^\/+/, "")}`;
}

/** 1 for `.`, 2 for `..`, however written, else 0. */
function dotsOf(segment: string): number {
  const plain = segment.length > 6 ? segment : segment.replace(/%2e/gi, ".");
  return plain === "." ? 1 : plain === ".." ? 2 : 0;
}
