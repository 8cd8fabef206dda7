import type { Clock } from "../kernel/clock.ts";
import { uuidv7 } from "../kernel/id.ts";
import { plainText } from "../kernel/plain-text.ts";
import { kindOf } from "../kernel/webhook/address.ts";
import { attempt, isDelivered, isFinal, whyOf } from "../kernel/webhook/attempt.ts";
import { webhookRequest } from "../kernel/webhook/request.ts";
import { targetsOf } from "../kernel/webhook/target.ts";
import type { AlertBody } from "./ports.ts";

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
  const targets = await targetsOf(url, { ...ports, choose: (addresses) => chosen(addresses, alert.byOperator) });
  if (typeof targets === "string") return failed(targets, 0);
  const request = requestOf(url, alert, ports.clock);
  for (let tries = 1; ; tries++) {
    const target = targets[(tries - 1) % targets.length];
    if (!target) return failed("its host name has no address", 0);
    const answer = await attempt(target, request, { clock: ports.clock, signal: alert.signal });
    if ("status" in answer && isDelivered(answer)) return { delivered: true, status: answer.status, tries };
    const pauseMs = PAUSES_MS[tries - 1];
    if (pauseMs === undefined || isFinal(answer) || alert.signal?.aborted) return failed(whyOf(answer), tries);
    const slept = await ports.clock.sleep(pauseMs * (0.75 + ports.clock.random() / 2), alert.signal).then(
      () => true,
      () => false,
    );
    if (!slept) return failed("cancelled", tries);
  }
}

/** One address that is not allowed condemns the name: an attacker's resolver mixes them. */
function chosen(addresses: readonly string[], byOperator: boolean): readonly string[] | string {
  for (const address of addresses) {
    const refusal = refuseAddress(address, { allowInside: byOperator });
    if (refusal !== undefined) return refusal;
  }
  return addresses;
}

/** Why nothing is sent to the address; undefined when it may be. `allowInside`: loopback and private networks are the operator's own wish. */
export function refuseAddress(address: string, { allowInside }: { allowInside: boolean }): string | undefined {
  const kind = kindOf(address);
  if (kind === "no address") return `${address} is no address`;
  if (kind === "never") return `${address} is a link-local, metadata or multicast address, to which no alert is sent`;
  if (kind === "inside" && !allowInside)
    return `${address} is within this machine or its networks; a contract out of a repository may not send alerts there, one given with PUT may`;
  return undefined;
}

function requestOf(url: URL, { body, secret }: Alert, clock: Clock): Buffer {
  return webhookRequest({
    url,
    event: body.kind,
    delivery: uuidv7(clock),
    body: JSON.stringify({ ...body, message: plainText(body.message, MAX_MESSAGE) }),
    at: clock.now(),
    ...(secret !== undefined && { signature: { secret, signs: "body" } }),
  });
}
