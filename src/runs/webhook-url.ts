import { isIP } from "node:net";
import { OrcoError } from "../kernel/errors.ts";
import { kindOf, rangesCheck } from "../kernel/webhook/address.ts";
import { hostOf } from "../kernel/webhook/target.ts";

const MAX_URL = 2048;

/**
 * Throws `invalid` (pointer `/webhook`) for what is never posted to, as far as it shows before the name is resolved. `allow`: ORCO_WEBHOOK_ALLOW.
 * Returns the URL in its normal form, which is the one to store.
 */
export function assertWebhookUrl(text: string, allow: readonly string[] = []): string {
  const url = text.length <= MAX_URL ? URL.parse(text) : null;
  if (!url) throw refused(`the webhook is no URL of at most ${MAX_URL} characters`);
  if (!/^https?:$/.test(url.protocol)) throw refused(`the webhook is ${url.protocol} and has to be http: or https:`);
  if (url.username !== "" || url.password !== "")
    throw refused("the webhook's URL carries credentials; sign with webhook.secretEnv instead");
  const host = hostOf(url);
  const addresses = isIP(host) > 0 ? [host] : /(?:^|\.)localhost\.?$/i.test(host) ? ["127.0.0.1", "::1"] : [];
  const chosen = addresses.length > 0 ? chooseAddresses(allow)(addresses) : addresses;
  if (typeof chosen === "string") throw refused(`the webhook goes to ${url.host}: ${chosen}`);
  url.hash = "";
  return url.href;
}

/**
 * Addresses that the operator has allowed win; of others, one that is not public condemns the name: an attacker's resolver mixes them.
 * Where clouds keep credentials nobody is sent, allowed or not.
 */
export function chooseAddresses(allow: readonly string[]): (addresses: readonly string[]) => readonly string[] | string {
  const allowed = rangesCheck(allow);
  return (addresses) => {
    const never = addresses.find((address) => kindOf(address) === "never");
    if (never !== undefined) return `${never} is a link-local, metadata or multicast address, to which no webhook is sent`;
    const wanted = addresses.filter(allowed);
    if (wanted.length > 0) return wanted;
    const other = addresses.find((address) => kindOf(address) !== "outside");
    if (other !== undefined)
      return `${other} is within this machine or its networks, to which no webhook is sent unless ORCO_WEBHOOK_ALLOW names it`;
    return addresses;
  };
}

function refused(detail: string): OrcoError {
  return new OrcoError("invalid", detail, { errors: [{ pointer: "/webhook", detail }] });
}
