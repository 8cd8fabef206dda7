import { chainOf } from "./locate.ts";
import { argumentsOf, type Dockerfile, type Instruction, type Stage } from "./parse.ts";

/** `apt-get install` as it is called, with what may stand in between. */
export const APT_INSTALL = /\b(?:apt-get|apt)\s+(?:-\S+\s+)*install\b/;

/** Packages that the stage, or one it builds on, installs in front of a line and does not remove again. Versions (`x=1.2`) are left out. */
export function installedPackages(dockerfile: Dockerfile, stage: Stage, beforeLine: number): ReadonlySet<string> {
  const there = new Set<string>();
  const runs = chainOf(dockerfile, stage)
    .toReversed()
    .flatMap(({ instructions }) => instructions)
    .filter(({ keyword, fromLine }) => keyword === "RUN" && fromLine < beforeLine);
  for (const run of runs) {
    for (const { verb, words } of commandsOf(run)) {
      for (const word of words) {
        if (verb === "install") there.add(word);
        else there.delete(word);
      }
    }
  }
  return there;
}

/** What one RUN installs, in its order. */
export function packagesOf(run: Instruction): readonly string[] {
  return commandsOf(run).flatMap(({ verb, words }) => (verb === "install" ? words : []));
}

interface Command {
  readonly verb: "install" | "remove";
  readonly words: readonly string[];
}

function commandsOf(run: Instruction): Command[] {
  const commands = argumentsOf(run).split(/&&|\|\||[;|\n]/);
  const virtual = new Map<string, readonly string[]>();
  return commands.flatMap((command): Command[] => {
    const words = command
      .trim()
      .replace(/["',[\]]/g, " ")
      .split(/\s+/)
      .filter(Boolean);
    const at = words.findIndex((word) => /^(?:apt-get|apt|apk|yum|dnf|microdnf)$/.test(word));
    if (at === -1) return [];
    const rest = words.slice(at + 1);
    const verb = rest.find((word) => /^(?:install|add|remove|purge|autoremove|del)$/.test(word));
    if (verb === undefined) return [];
    const group = groupOf(rest);
    const names = rest.slice(rest.indexOf(verb) + 1).filter((word) => !word.startsWith("-") && word !== group && !/[$<>*]/.test(word));
    const packages = names.map((word) => word.replace(/(?:[=~<>@/]|:(?:any|native|amd64|arm64)$).*/, "")).filter(Boolean);
    if (/^(?:install|add)$/.test(verb)) {
      if (group !== undefined) virtual.set(group, packages);
      return [{ verb: "install", words: packages }];
    }
    return [{ verb: "remove", words: packages.flatMap((word) => virtual.get(word) ?? [word]) }];
  });
}

/** The name of a group of packages: `apk add --virtual .build-deps`, `-t .build-deps`. */
function groupOf(words: readonly string[]): string | undefined {
  const at = words.findIndex((word) => /^(?:--virtual|-t)(?:=|$)/.test(word));
  if (at === -1) return undefined;
  return words[at]?.split("=")[1] ?? words[at + 1];
}
