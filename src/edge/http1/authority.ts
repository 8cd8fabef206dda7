import { matchesAt } from "./fields.ts";

const PORT = "(?::(?:[0-9]{1,4}|[1-5][0-9]{4}|6(?:[0-4][0-9]{3}|5(?:[0-4][0-9]{2}|5(?:[0-2][0-9]|3[0-5])))))?";
const AUTHORITY = `(?:[A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])${PORT}`;
const WHOLE = new RegExp(`^${AUTHORITY}$`);
const VALUE = new RegExp(`:[\\t ]*${AUTHORITY}[\\t ]*\\r\\n`, "y");

/**
 * Host name or address with an optional port (RFC 9110 §7.2, RFC 3986 §3.2.2), without userinfo, percent-encoding and empty port:
 * what DNS, URL parsers and servers all read alike.
 */
export function isAuthority(text: string): boolean {
  return WHOLE.test(text);
}

/** The same of the value of a header line, given where its colon is. */
export function isAuthorityAt(text: string, colon: number): boolean {
  return matchesAt(VALUE, text, colon);
}
