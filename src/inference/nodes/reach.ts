import { kindOf } from "../../kernel/webhook/address.ts";
import { hostOf } from "../../kernel/webhook/target.ts";

/** Names under which clouds hand out credentials. */
const METADATA_NAMES: ReadonlySet<string> = new Set([
  "metadata",
  "metadata.google.internal",
  "metadata.goog",
  "instance-data",
  "instance-data.ec2.internal",
]);
const FORBIDDEN = "is link-local or a metadata service: no engine runs there";

/** Why `host`, `host:port` or a URL can be no node; undefined when it can. Private addresses are what nodes have. */
export function refuseAddress(text: string): string | undefined {
  if (/[\p{Cc}\s]/u.test(text)) return "must hold no spaces and no control characters";
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${bracketed(text)}`);
  if (url === null || !isHttp(url) || url.hostname === "") return "must be a host, host:port or an http URL";
  if (hasLogin(url)) return "must not hold a password";
  return refuseHost(url);
}

/** Why a URL can be no engine's; undefined when it can. */
export function refuseEndpoint(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !isHttp(url) || url.hostname === "") return "must be an http or https URL";
  if (hasLogin(url)) return "must not hold a password";
  if (url.search !== "" || url.hash !== "") return "must have no query and no fragment";
  return refuseHost(url);
}

/** As adapters want it: without a trailing slash and without `/v1`. */
export function endpointUrl(text: string): string {
  const { origin, pathname } = new URL(text);
  return origin + pathname.replace(/\/+$/, "").replace(/\/v1$/, "");
}

/** Which of a name's addresses may be connected to; or why none may. */
export function reachable(addresses: readonly string[]): readonly string[] | string {
  const allowed = addresses.filter((address) => kindOf(address) !== "never");
  return allowed.length > 0 ? allowed : `its address ${addresses[0] ?? ""} ${FORBIDDEN}`;
}

/** The URL parser has written every notation of an IPv4 address as four numbers. */
function refuseHost(url: URL): string | undefined {
  const host = hostOf(url).toLowerCase().replace(/\.$/, "");
  return METADATA_NAMES.has(host) || kindOf(host) === "never" ? FORBIDDEN : undefined;
}

function hasLogin({ username, password }: URL): boolean {
  return username !== "" || password !== "";
}

function isHttp({ protocol }: URL): boolean {
  return protocol === "http:" || protocol === "https:";
}

/** A bare IPv6 address. */
function bracketed(text: string): string {
  return /^[0-9a-f:.]+$/i.test(text) && text.split(":").length > 2 ? `[${text}]` : text;
}
