import { errnoOf, messageOf } from "../../../kernel/errors.ts";
import { hostOf, targetsOf } from "../../../kernel/webhook/target.ts";
import { VERSION } from "../../../kernel/version.ts";
import { chooseAddresses } from "./address.ts";
import type { FetchPorts } from "./ports.ts";
import { ask, type Reply } from "./reply.ts";
import { FetchTrouble } from "./trouble.ts";

/** Hugging Face sends on once, twice for a repository that was renamed. */
const MAX_REDIRECTS = 5;
/** Of one name. */
const MAX_ADDRESSES = 4;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export interface Wanted {
  readonly url: URL;
  /** Redirects are followed, each by the same rules as the first address. */
  readonly redirects: boolean;
  readonly headers: readonly string[];
}

/** GETs a URL, wherever it may be gone. Throws `FetchTrouble`. */
export async function request({ url, redirects, headers }: Wanted, ports: FetchPorts, signal: AbortSignal): Promise<Reply> {
  let at = url;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const reply = await askAny(at, headers, { ...ports, signal });
    if (!REDIRECTS.has(reply.status)) return reply;
    const next = URL.parse(reply.header("location") ?? "", at.href);
    reply.close();
    if (!redirects)
      throw new FetchTrouble("lasting", `${at.host} sends on to ${shown(next)}; register the address where the file really is`);
    if (!next || !/^https?:$/.test(next.protocol) || next.username !== "")
      throw new FetchTrouble("lasting", `${at.host} sends on to ${shown(next)}`);
    at = next;
  }
  throw new FetchTrouble("lasting", `${url.host} sends on more than ${MAX_REDIRECTS} times`);
}

async function askAny(url: URL, headers: readonly string[], ports: FetchPorts & { readonly signal: AbortSignal }): Promise<Reply> {
  const targets = await targetsOf(url, { ...ports, choose: chooseAddresses({ allow: ports.allow, url }) });
  if (typeof targets === "string") throw new FetchTrouble(isPassing(targets) ? "passing" : "lasting", `${hostOf(url)}: ${targets}`);
  const bytes = requestBytes(url, headers, ports);
  let last: unknown;
  for (const target of targets.slice(0, MAX_ADDRESSES)) {
    try {
      return await ask(target, bytes, { clock: ports.clock, stallMs: ports.limits.stallMs, signal: ports.signal });
    } catch (error) {
      ports.signal.throwIfAborted();
      last = error;
    }
  }
  throw last instanceof FetchTrouble ? last : new FetchTrouble("passing", errnoOf(last) ?? messageOf(last));
}

/** A resolver that is down comes back; an address that is refused stays so. */
function isPassing(why: string): boolean {
  return /resolve/.test(why);
}

/** The token goes to Hugging Face alone, never along with a redirect to somebody else. */
function requestBytes(url: URL, headers: readonly string[], { hf }: FetchPorts): Buffer {
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    `User-Agent: orco/${VERSION}`,
    "Accept: */*",
    "Accept-Encoding: identity",
    "Connection: close",
    ...headers,
    ...(hf.token !== undefined && url.origin === new URL(hf.base).origin ? [`Authorization: Bearer ${hf.token}`] : []),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
}

/** Without the query, where signatures are. */
function shown(url: URL | null): string {
  return url ? `${url.origin}${url.pathname}` : "nowhere";
}
