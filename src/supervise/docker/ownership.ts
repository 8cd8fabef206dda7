import { createHash } from "node:crypto";
import { OrcoError } from "../../kernel/errors.ts";

type Labels = Readonly<Record<string, string>>;

/** Labels of containers, networks and volumes. Ownership is `home` and `stack`, never a name. */
export const OURS = {
  home: "orco.home",
  stack: "orco.stack",
  service: "orco.service",
  replica: "orco.replica",
  instance: "orco.instance",
  config: "orco.config",
} as const;

/** Is what has the labels `found` owned by whom the labels `mine` name? */
export function ownedBy(mine: Labels, found: Labels | null | undefined): boolean {
  return found?.[OURS.home] === mine[OURS.home] && found?.[OURS.stack] === mine[OURS.stack];
}

/** What has our name and not our labels is never touched. */
export function foreign(what: "container" | "network" | "volume", name: string, found: Labels | null | undefined): OrcoError {
  const owner = found?.[OURS.stack];
  const whose =
    owner === undefined ? "was not made by orco" : `belongs to another orco (stack ${owner}, home ${found?.[OURS.home] ?? "?"})`;
  const message = `there is a docker ${what} ${name} that ${whose}: remove it (docker ${what} rm ${name}) or give the stack another name`;
  return new OrcoError("conflict", message, { [what]: name });
}

/** A volume without a name of its own is found again by its replica and path. */
export function anonymousName(prefix: string, target: string): string {
  return prefix + createHash("sha256").update(target).digest("hex").slice(0, 8);
}
