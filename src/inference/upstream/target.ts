import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { kindOf } from "../../kernel/webhook/address.ts";
import { EngineFault } from "../adapters/adapter.ts";

/** Where the requests to one engine go. */
export interface UpstreamTarget {
  readonly secure: boolean;
  /** Without the brackets of IPv6. */
  readonly host: string;
  readonly port: number;
  /** As the Host header reads. */
  readonly authority: string;
  /** What the URL has before every path; "" for most. */
  readonly prefix: string;
  /** For messages: scheme and authority only, so that nothing secret of a URL is told. */
  readonly label: string;
}

/** Addresses of a host name. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** Throws `EngineFault` for what is no http(s) URL. */
export function targetOf(url: string): UpstreamTarget {
  const parsed = URL.parse(url);
  if (!parsed || !/^https?:$/.test(parsed.protocol)) throw new EngineFault("connect", "the engine's URL is not an http or https URL");
  const secure = parsed.protocol === "https:";
  return {
    secure,
    host: parsed.hostname.replace(/^\[|\]$/g, ""),
    port: Number(parsed.port || (secure ? 443 : 80)),
    authority: parsed.host,
    prefix: parsed.pathname.replace(/\/+$/, ""),
    label: `${parsed.protocol}//${parsed.host}`,
  };
}

/** Known without asking anybody: an address, and the name that is this machine on every machine (RFC 6761 §6.3). */
export function knownAddresses(host: string): readonly string[] | undefined {
  if (isIP(host) > 0) return [host];
  return host === "localhost" ? ["127.0.0.1", "::1"] : undefined;
}

export const systemLookup: Lookup = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

/** Clouds hand out credentials on link-local addresses: a name that resolves there is no engine. */
export function reachable(addresses: readonly string[]): readonly string[] {
  return addresses.filter((address) => kindOf(address) === "inside" || kindOf(address) === "outside");
}
