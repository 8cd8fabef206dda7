import type { Clock } from "../kernel/clock.ts";
import { messageOf } from "../kernel/errors.ts";
import { readSecret } from "../supervise/secrets.ts";
import { deliverAlert, type Delivery } from "./alert.ts";
import type { AlertBody } from "./ports.ts";
import type { AppAlert } from "./contract.ts";
import type { Release } from "./record.ts";

interface AlertsPorts {
  readonly clock: Clock;
  readonly daemonEnv: Readonly<Record<string, string | undefined>>;
}

/** Tells every webhook of a release; returns why some were not told. Never rejects. */
export async function tellWebhooks({ contract, byOperator }: Release, body: AlertBody, ports: AlertsPorts): Promise<string[]> {
  const deliveries = await Promise.all(contract.alerts.map((alert) => tell(alert, { body, byOperator }, ports)));
  return deliveries.flatMap((delivery) => (delivery.delivered ? [] : [delivery.why]));
}

async function tell(
  { webhook, secret: ref }: AppAlert,
  told: { body: AlertBody; byOperator: boolean },
  { clock, daemonEnv }: AlertsPorts,
): Promise<Delivery> {
  try {
    const secret = ref && (await readSecret("of an alert", { from: ref }, daemonEnv));
    return await deliverAlert({ webhook, ...told, ...(secret !== undefined && { secret }) }, { clock });
  } catch (error) {
    return { delivered: false, why: messageOf(error), tries: 0 };
  }
}
