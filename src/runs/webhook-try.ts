import type { Clock } from "../kernel/clock.ts";
import type { Json } from "../kernel/event.ts";
import type { WebhookAnswer } from "../kernel/webhook/answer.ts";
import { attempt, isDelivered, isFinal, whyOf } from "../kernel/webhook/attempt.ts";
import { webhookRequest } from "../kernel/webhook/request.ts";
import { targetsOf } from "../kernel/webhook/target.ts";
import type { RunView } from "../workflow/view.ts";
import type { OwedRow } from "./webhook-outbox.ts";
import { chooseAddresses } from "./webhook-url.ts";

const MAX_TRIES = 5;
/** After the first, second, … failed try. */
const PAUSES_MS = [1000, 5000, 25_000, 125_000];
/** Larger ones go without the steps. */
const MAX_BODY = 1024 * 1024;

export interface TryPorts {
  readonly clock: Clock;
  /** The daemon's own environment: where secrets are. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** ORCO_WEBHOOK_ALLOW. */
  readonly allow: readonly string[];
  /** Addresses of a host name; the system's resolver when absent. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** PEM, in place of the usual authorities. */
  readonly ca?: string;
}

/** `final`: trying again is no use. */
export type Told = { readonly status: number } | { readonly why: string; readonly final: boolean };

/** One try: `{event: "run.<status>", run}`. `why` names the host, never the path: that is often the secret. Never rejects. */
export async function tellOnce(owed: OwedRow, run: RunView, { ports, signal }: { ports: TryPorts; signal: AbortSignal }): Promise<Told> {
  const url = URL.parse(owed.url);
  if (!url) return { why: "the webhook is no URL", final: true };
  const failed = (why: string, final: boolean): Told => ({ why: `webhook on ${url.host}: ${why}`, final });
  const secret = owed.secretEnv === undefined ? undefined : ports.env[owed.secretEnv];
  if (owed.secretEnv !== undefined && !secret) return failed(`its secret ${owed.secretEnv} is not set in the daemon's environment`, false);
  const targets = await targetsOf(url, { ...ports, choose: chooseAddresses(ports.allow) });
  if (typeof targets === "string") return failed(targets, false);
  const target = targets[owed.tries % targets.length];
  if (!target) return failed("its host name has no address", false);
  const request = webhookRequest({
    url,
    event: `run.${run.status}`,
    delivery: owed.id,
    body: bodyOf(run),
    at: ports.clock.now(),
    ...(secret !== undefined && { signature: { secret, signs: "timestamp.body" } }),
  });
  const answer: WebhookAnswer = await attempt(target, request, { clock: ports.clock, signal });
  if ("status" in answer && isDelivered(answer)) return { status: answer.status };
  return failed(whyOf(answer), isFinal(answer));
}

/** How long to wait before the next try; undefined when there is none. `tries`: those that failed, this one too. */
export function pauseAfter(tries: number, random: number): number | undefined {
  const pause = tries < MAX_TRIES ? PAUSES_MS[tries - 1] : undefined;
  return pause === undefined ? undefined : Math.round(pause * (0.75 + random / 2));
}

function bodyOf(run: RunView): string {
  const event = `run.${run.status}`;
  const whole = JSON.stringify({ event, run });
  if (whole.length <= MAX_BODY) return whole;
  const { result: _result, ...rest } = run as RunView & { result?: Json };
  return JSON.stringify({ event, run: { ...rest, steps: [] }, truncated: true });
}
