import { insertBefore } from "../dockerfile/edit.ts";
import { installCommand } from "../dockerfile/install.ts";
import { packagesOf } from "../dockerfile/packages.ts";
import { argumentsOf, type Instruction } from "../dockerfile/parse.ts";
import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, mended, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { latestLike, nameIn } from "./run-lines.ts";
import { renamed } from "./system-renames.ts";
import { runSite } from "./system-site.ts";

const NO_MANAGER: readonly RegExp[] = [/(?:^|: )(apk|apt-get|apt|yum|dnf|microdnf): (?:command )?not found$/];
/** What installs packages and cleans up after it, and nothing else. */
const ONLY_PACKAGES =
  /^(?:(?:[A-Z_]+=\S+ )?(?:apk|apt-get|apt|yum|dnf|microdnf) (?:-\S+ )*(?:update|upgrade|install|add|clean|autoremove|makecache)\b.*|rm -rf? (?:\/var\/(?:lib\/apt|cache)\/\S+ ?)+)$/;

export const MANAGER_OTHER: Entry = {
  id: 9,
  slug: "package-manager-other",
  title: "The package manager belongs to another distribution",
  verdicts: "fix: the same packages with the one that is there; report where the RUN does more than that",
  example: "/bin/sh: apt-get: not found",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, NO_MANAGER), (line) => explain(line, snapshot)),
};

function explain(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const manager = nameIn(line);
  const site = runSite(line, snapshot);
  const calls = site?.stage.instructions.filter(({ keyword, text }) => keyword === "RUN" && text.includes(`${manager} `)) ?? [];
  const run = site?.before === undefined ? calls[0] : calls.find(({ fromLine }) => fromLine === site.before);
  if (!site || !run) return undefined;
  const told = {
    entry: 9,
    signature: `package-manager-other:${manager}`,
    cause: `${manager} is called, and the image is ${site.distribution === "alpine" ? "Alpine" : "Debian"}, which has another package manager`,
    lines: [line],
    sure: "confirmed" as const,
  };
  const packages = translated(run, site.distribution);
  if (packages.length === 0)
    return reported({
      ...told,
      verdict: "report",
      remedy: `Write the RUN for ${site.distribution}, or use the base image it was written for.`,
    });
  const lines = site.text.split("\n");
  const rest = [...lines.slice(0, run.fromLine - 1), ...lines.slice(run.toLine)].join("\n");
  const text = insertBefore(rest, run.fromLine, [`RUN ${installCommand(packages, site.distribution)}`]);
  return mended(
    { ...told, verdict: "fix", remedy: `Installs ${packages.join(", ")} with the package manager that is there.` },
    snapshot,
    text,
  );
}

function translated(run: Instruction, distribution: "debian" | "alpine"): readonly string[] {
  const commands = argumentsOf(run).split(/\s*(?:&&|;)\s*/);
  if (!commands.every((command) => ONLY_PACKAGES.test(command.trim()))) return [];
  return [...new Set(packagesOf(run).flatMap((name) => renamed(name, distribution) ?? [name]))];
}
