import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Clock } from "../clock.ts";
import { formatDuration } from "../duration.ts";
import { errnoOf } from "../errors.ts";
import { TRY_TIMEOUT_MS } from "./attempt.ts";
import type { PostTarget } from "./post.ts";

export interface TargetPorts {
  readonly clock: Clock;
  /** Which of a host's addresses a request may go to; or why to none. */
  readonly choose: (addresses: readonly string[]) => readonly string[] | string;
  /** Addresses of a host name; the system's resolver when absent. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** PEM, in place of the usual authorities. */
  readonly ca?: string;
}

/** Where to connect, or why not to. The host is looked up once: what was checked is where the connection goes. Never rejects. */
export async function targetsOf(
  url: URL,
  { clock, choose, resolve = resolveHost, ca }: TargetPorts,
): Promise<readonly PostTarget[] | string> {
  const host = hostOf(url);
  const secure = url.protocol === "https:";
  const port = Number(url.port || (secure ? 443 : 80));
  let addresses: readonly string[] | undefined;
  try {
    addresses = isIP(host) > 0 ? [host] : await withTimeout(resolve(host), clock);
  } catch (error) {
    return `its host name does not resolve (${errnoOf(error) ?? "unknown reason"})`;
  }
  if (!addresses) return `its host name was not resolved within ${formatDuration(TRY_TIMEOUT_MS)}`;
  if (addresses.length === 0) return "its host name has no address";
  const chosen = choose(addresses);
  if (typeof chosen === "string") return chosen;
  return chosen.map((address) => ({ address, port, ...(secure && { serverName: host }), ...(ca !== undefined && { ca }) }));
}

/** Without the brackets of IPv6. The URL parser has written every form of an IPv4 address as four numbers. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

async function resolveHost(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function withTimeout<T>(promise: Promise<T>, clock: Clock): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(TRY_TIMEOUT_MS, () => resolve(undefined));
    void promise.then(resolve, reject).finally(cancel);
  });
}
