import type { Clock } from "../../kernel/clock.ts";
import { formatSpan } from "../../kernel/duration.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import { linearPattern } from "../../kernel/pattern.ts";
import { plainLine } from "../../kernel/plain-text.ts";
import { VERSION } from "../../kernel/version.ts";
import { kindOf } from "../../kernel/webhook/address.ts";
import type { PostTarget } from "../../kernel/webhook/post.ts";
import { hostOf, targetsOf } from "../../kernel/webhook/target.ts";
import type { Look } from "./check.ts";
import { type Answer, exchange, MAX_BODY_BYTES } from "./exchange.ts";

const TRY_TIMEOUT_MS = 5000;
const MIN_TRY_MS = 1000;
const MAX_SHOWN_BODY = 200;

/** What is asked, and what has to come. The URL is one of the profile, never of a request or a log. */
export interface HttpCheck {
  readonly method: string;
  readonly url: string;
  readonly body?: string;
  /** Any 2xx when absent. */
  readonly status?: number;
  /** RE2 syntax, over the first MiB of the body. */
  readonly pattern?: string;
}

/** The address of a host that only docker knows, e.g. of a service; undefined: ask the system. */
export type AddressOf = (host: string) => Promise<string | undefined>;

export interface Ask {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly leftMs: number;
  readonly resolve?: AddressOf;
}

/** Asks once. Redirects are answers; addresses where clouds hand out credentials are refused. Details name neither user nor query: those may be secret. */
export async function ask(check: HttpCheck, ports: Ask): Promise<Look> {
  const url = URL.parse(check.url);
  if (!url || !/^https?:$/.test(url.protocol)) return { ok: false, final: true, detail: "its URL is none of http or https" };
  const what = `${check.method} ${url.origin}${url.pathname}`;
  const targets = await targetsFor(url, ports);
  if ("refused" in targets) return { ok: false, final: true, detail: `${what}: ${targets.refused}` };
  if ("problem" in targets) return { ok: false, detail: `${what}: ${targets.problem}` };
  const answer = await firstAnswer(targets.found, requestOf(check, url), { ...ports, wantsBody: check.method !== "HEAD" });
  if ("problem" in answer) return { ok: false, detail: `${what}: ${answer.problem}` };
  return judge(check, what, answer);
}

type Targets = { readonly found: readonly PostTarget[] } | { readonly problem: string } | { readonly refused: string };

async function targetsFor(url: URL, { clock, resolve }: Ask): Promise<Targets> {
  const own = await addressBy(resolve, hostOf(url));
  if (own instanceof OrcoError) return { problem: messageOf(own) };
  let refused: string | undefined;
  const choose = (addresses: readonly string[]): readonly string[] | string => {
    const bad = addresses.find((address) => kindOf(address) === "never");
    if (bad === undefined) return addresses;
    refused = `${bad} is never asked: it is link-local, multicast or where clouds hand out credentials`;
    return refused;
  };
  const found = await targetsOf(url, { clock, choose, ...(own !== undefined && { resolve: () => Promise.resolve([own]) }) });
  if (refused !== undefined) return { refused };
  return typeof found === "string" ? { problem: found } : { found };
}

/** Docker may be away just now: another look may find it. */
async function addressBy(resolve: AddressOf | undefined, host: string): Promise<string | OrcoError | undefined> {
  try {
    return await resolve?.(host);
  } catch (error) {
    if (error instanceof OrcoError) return error;
    throw error;
  }
}

/** Of the addresses of one host the first that answers: `localhost` is two. */
async function firstAnswer(
  targets: readonly PostTarget[],
  request: Buffer,
  { clock, signal, leftMs, wantsBody }: Ask & { readonly wantsBody: boolean },
): Promise<Answer> {
  const timeoutMs = Math.max(MIN_TRY_MS, Math.min(TRY_TIMEOUT_MS, leftMs));
  const limit = new AbortController();
  const cancel = clock.after(timeoutMs, () => limit.abort());
  const both = AbortSignal.any([signal, limit.signal]);
  try {
    let answer: Answer = { problem: "its host name has no address" };
    for (const target of targets) {
      answer = await exchange(target, request, { wantsBody, signal: both });
      if ("status" in answer || both.aborted) break;
    }
    signal.throwIfAborted();
    return limit.signal.aborted && "problem" in answer ? { problem: `no answer within ${formatSpan(timeoutMs)}` } : answer;
  } finally {
    cancel();
  }
}

function judge(check: HttpCheck, what: string, { status, line, location, body }: Extract<Answer, { status: number }>): Look {
  const { status: wanted, pattern, method } = check;
  const isRead = method === "GET" || method === "HEAD";
  const fits = wanted === undefined ? status >= 200 && status < 300 : status === wanted;
  if (!fits) {
    const moved = location === undefined ? "" : " to elsewhere, and redirects are not followed";
    const expected = wanted === undefined ? "2xx" : String(wanted);
    const shown = plainLine(body, MAX_SHOWN_BODY);
    const said = shown === "" ? "" : `: ${shown}`;
    // What changes something is not asked again once it was answered.
    return { ok: false, final: !isRead, detail: `${what} answers ${line}${moved}, not ${expected}${said}` };
  }
  if (pattern !== undefined && !linearPattern(pattern).matcher(body).find()) {
    const where = body.length >= MAX_BODY_BYTES ? "the first MiB of its body" : "its body";
    return { ok: false, final: !isRead, detail: `${what} answers ${line}, but ${where} does not match ${JSON.stringify(pattern)}` };
  }
  return { ok: true, detail: `${what} answers ${line}${pattern === undefined ? "" : ` and matches ${JSON.stringify(pattern)}`}` };
}

function requestOf({ method, body }: HttpCheck, url: URL): Buffer {
  const fields: Record<string, string> = { Host: url.host, "User-Agent": `orco/${VERSION}`, Accept: "*/*" };
  if (url.username !== "")
    fields["Authorization"] = `Basic ${btoa(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`)}`;
  if (body !== undefined) {
    fields["Content-Type"] = /^\s*[[{]/.test(body) ? "application/json" : "text/plain; charset=utf-8";
    fields["Content-Length"] = String(Buffer.byteLength(body));
  }
  fields["Connection"] = "close";
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n${body ?? ""}`);
}
