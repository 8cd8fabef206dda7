import { createHmac } from "node:crypto";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Clock } from "../kernel/clock.ts";
import { formatDuration } from "../kernel/duration.ts";
import { errnoOf } from "../kernel/errors.ts";
import { uuidv7 } from "../kernel/id.ts";
import { plainText } from "../kernel/plain-text.ts";
import { VERSION } from "../kernel/version.ts";
import { refuseAddress } from "./alert-address.ts";
import { post, type PostTarget } from "./alert-post.ts";
import type { AlertBody } from "./ports.ts";
import type { ProbeAnswer } from "./probe-answer.ts";

const TRY_TIMEOUT_MS = 5000;
/** Before the second and the third try. */
const PAUSES_MS = [1000, 5000];
const MAX_MESSAGE = 4000;

export interface Alert {
  readonly webhook: string;
  /** Signs the body. */
  readonly secret?: string;
  readonly body: AlertBody;
  /** The contract was given with PUT: the webhook may be on this machine or in a private network. */
  readonly byOperator: boolean;
  readonly signal?: AbortSignal;
}

export interface AlertPorts {
  readonly clock: Clock;
  /** Addresses of a host name; the system's resolver when absent. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** PEM, in place of the usual authorities. */
  readonly ca?: string;
}

export type Delivery =
  | { readonly delivered: true; readonly status: number; readonly tries: number }
  /** `why` names the webhook's host, never its path: that is often the secret. */
  | { readonly delivered: false; readonly why: string; readonly tries: number };

/**
 * POSTs the alert: JSON, `X-Orco-Signature: sha256=<hex HMAC of the body>` with a secret, `X-Orco-Timestamp` (Unix seconds) and `X-Orco-Delivery` (the
 * same for every try of one alert). Three tries of 5 s; 2xx is delivered, 3xx and 4xx are final. The host is looked up once, and the
 * connections go to the addresses that were checked. Never rejects.
 */
export async function deliverAlert(alert: Alert, ports: AlertPorts): Promise<Delivery> {
  const url = URL.parse(alert.webhook);
  if (!url || !/^https?:$/.test(url.protocol)) return { delivered: false, why: "the webhook is no http or https URL", tries: 0 };
  const failed = (why: string, tries: number): Delivery => ({ delivered: false, why: `webhook on ${url.host}: ${why}`, tries });
  const targets = await targetsOf(url, alert, ports);
  if (typeof targets === "string") return failed(targets, 0);
  const request = requestOf(url, alert, ports.clock);
  for (let tries = 1; ; tries++) {
    const target = targets[(tries - 1) % targets.length];
    if (!target) return failed("its host name has no address", 0);
    const answer = await attempt(target, request, { clock: ports.clock, signal: alert.signal });
    if ("status" in answer && answer.status >= 200 && answer.status < 300) return { delivered: true, status: answer.status, tries };
    const pauseMs = PAUSES_MS[tries - 1];
    if (pauseMs === undefined || isFinal(answer) || alert.signal?.aborted) return failed(whyOf(answer), tries);
    const slept = await ports.clock.sleep(pauseMs * (0.75 + ports.clock.random() / 2), alert.signal).then(
      () => true,
      () => false,
    );
    if (!slept) return failed("cancelled", tries);
  }
}

/** Where to connect, or why not to. One address that is not allowed condemns the name: an attacker's resolver mixes them. */
async function targetsOf(
  url: URL,
  { byOperator }: Alert,
  { resolve = resolveHost, clock, ca }: AlertPorts,
): Promise<readonly PostTarget[] | string> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const secure = url.protocol === "https:";
  const port = Number(url.port || (secure ? 443 : 80));
  let addresses: readonly string[] | undefined;
  try {
    addresses = isIP(host) > 0 ? [host] : await withTimeout(resolve(host), clock);
  } catch (error) {
    return `its host name does not resolve (${errnoOf(error) ?? "unknown reason"})`;
  }
  if (!addresses) return `its host name was not resolved within ${formatDuration(TRY_TIMEOUT_MS)}`;
  for (const address of addresses) {
    const refusal = refuseAddress(address, { allowInside: byOperator });
    if (refusal !== undefined) return refusal;
  }
  return addresses.map((address) => ({ address, port, ...(secure && { serverName: host }), ...(ca !== undefined && { ca }) }));
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

function requestOf(url: URL, { body, secret }: Alert, clock: Clock): Buffer {
  const text = JSON.stringify({ ...body, message: plainText(body.message, MAX_MESSAGE) });
  const fields = [
    `POST ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    `User-Agent: orco/${VERSION}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(text)}`,
    `X-Orco-Event: ${body.kind}`,
    `X-Orco-Delivery: ${uuidv7(clock)}`,
    `X-Orco-Timestamp: ${Math.floor(clock.now() / 1000)}`,
    ...(secret === undefined ? [] : [`X-Orco-Signature: sha256=${createHmac("sha256", secret).update(text).digest("hex")}`]),
    "Accept: */*",
    "Connection: close",
  ];
  return Buffer.from(`${fields.join("\r\n")}\r\n\r\n${text}`);
}

async function attempt(
  target: PostTarget,
  request: Buffer,
  { clock, signal }: { clock: Clock; signal: AbortSignal | undefined },
): Promise<ProbeAnswer> {
  const limit = new AbortController();
  let late = false;
  const cancel = clock.after(TRY_TIMEOUT_MS, () => {
    late = true;
    limit.abort();
  });
  const answer = await post(target, request, signal ? AbortSignal.any([signal, limit.signal]) : limit.signal);
  cancel();
  return late ? { problem: `no answer within ${formatDuration(TRY_TIMEOUT_MS)}` } : answer;
}

/** Only what may pass by itself is tried again. */
function isFinal(answer: ProbeAnswer): boolean {
  return "status" in answer && answer.status < 500 && answer.status !== 408 && answer.status !== 429;
}

function whyOf(answer: ProbeAnswer): string {
  if ("problem" in answer) return answer.problem;
  const redirects = answer.status >= 300 && answer.status < 400 ? "; redirects are not followed" : "";
  return `it answered ${answer.status} ${answer.reason}`.trimEnd() + redirects;
}
