import { kindOf, rangesCheck } from "../../../kernel/webhook/address.ts";

/**
 * Which of a host's addresses a model may be fetched from, or why from none. Where clouds keep credentials nobody goes, allowed or not; of others, one that is not public
 * condemns the name: an attacker's resolver mixes them. Without TLS only what ORCO_MODEL_ALLOW names.
 */
export function chooseAddresses({ allow, url }: { readonly allow: readonly string[]; readonly url: Pick<URL, "protocol"> }) {
  const isAllowed = rangesCheck(allow);
  return (addresses: readonly string[]): readonly string[] | string => {
    const never = addresses.find((address) => kindOf(address) === "never");
    if (never !== undefined) return `${never} is a link-local, metadata or multicast address, from which nothing is fetched`;
    const allowed = addresses.filter(isAllowed);
    if (allowed.length > 0) return allowed;
    if (url.protocol !== "https:") return "without TLS a model is only fetched from an address that ORCO_MODEL_ALLOW names";
    const other = addresses.find((address) => kindOf(address) !== "outside");
    if (other !== undefined)
      return `${other} is within this machine or its networks, from which nothing is fetched unless ORCO_MODEL_ALLOW names it`;
    return addresses;
  };
}
