import type { OtherInstance } from "./port.ts";

/** What has become of the instances of other services: replaced or gone, or only started anew by their own policy. Named `service`. */
export function changedOthers(
  earlier: readonly OtherInstance[],
  later: readonly OtherInstance[],
): { readonly changed: readonly string[]; readonly byThemselves: readonly string[] } {
  const now = new Map(later.map((one) => [one.slot, one]));
  const changed = earlier.filter(({ slot, version, instance }) => {
    const after = now.get(slot);
    return !after || after.version !== version || (after.instance !== instance && !after.startedByItself);
  });
  const restarted = earlier.filter((one) => !changed.includes(one) && now.get(one.slot)?.instance !== one.instance);
  return { changed: changed.map(({ service }) => service), byThemselves: restarted.map(({ service }) => service) };
}
