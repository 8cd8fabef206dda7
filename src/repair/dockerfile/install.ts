import type { Distribution } from "../snapshot.ts";
import { insertBefore } from "./edit.ts";
import { chainOf } from "./locate.ts";
import { installedPackages } from "./packages.ts";
import { argumentsOf, type Dockerfile, type Instruction, parseDockerfile, type Stage } from "./parse.ts";

export interface Install {
  /** Index of the stage. */
  readonly stage: number;
  /** Line of the instruction that needs them, from 1; absent where only the finished image does. */
  readonly before?: number;
  readonly packages: readonly string[];
  readonly distribution: Distribution;
  /** Commands that belong to it, in the same RUN. */
  readonly commands?: readonly string[];
  /** Instructions behind it, e.g. `ENV LANG=C.UTF-8`. */
  readonly followedBy?: readonly string[];
}

/** What apt and apk are reached by and set up with: what is installed comes after it. */
const SETS_UP =
  /\/etc\/(?:apt|apk|ssl|pki)\b|sources\.list|apt-key|add-apt-repository|keyrings|ca-certificates|dpkg --add-architecture|(?:https?|no)_proxy|DEBIAN_FRONTEND/i;

/**
 * The text with the packages installed: in front of the stage's first COPY or ADD (the document, §5.3), of what needs them where that is earlier, and
 * behind what sets the package manager up. As root where the stage is somebody else by then. Packages that are there already are not installed again;
 * the text as it was where nothing is left to do, or the distribution is not known.
 */
export function installPackages(text: string, install: Install): string {
  const dockerfile = parseDockerfile(text);
  const stage = dockerfile.stages[install.stage];
  if (!stage || install.distribution === "unknown") return text;
  const place = placeFor(stage, install.before);
  const there = installedPackages(dockerfile, stage, install.before ?? Infinity);
  const packages = install.packages.filter((one) => !there.has(one));
  const { commands = [], followedBy = [] } = install;
  if (packages.length === 0 && commands.length + followedBy.length === 0) return text;
  const command = [...(packages.length > 0 ? [installCommand(packages, install.distribution)] : []), ...commands].join(" && ");
  const lines = [...(command === "" ? [] : asRoot(`RUN ${command}`, userAt(dockerfile, stage, place))), ...followedBy];
  return insertBefore(text, aboveComments(text, place), lines);
}

/** One command, as people write it by hand. */
export function installCommand(packages: readonly string[], distribution: Distribution): string {
  const words = packages.join(" ");
  if (distribution === "alpine") return `apk add --no-cache ${words}`;
  // These ask questions, and nobody answers in a build.
  const quiet = packages.some((one) => /^(?:tzdata|krb5-config|libkrb5-dev|locales)$/.test(one)) ? "DEBIAN_FRONTEND=noninteractive " : "";
  return `apt-get update && ${quiet}apt-get install -y --no-install-recommends ${words} && rm -rf /var/lib/apt/lists/*`;
}

/** The user a RUN at this line would be; undefined for root. */
export function userAt(dockerfile: Dockerfile, stage: Stage, line: number): string | undefined {
  const before = chainOf(dockerfile, stage).flatMap(({ instructions }) =>
    instructions.filter(({ fromLine, keyword }) => keyword === "USER" && fromLine < line).toReversed(),
  );
  const user = before[0] && argumentsOf(before[0]);
  return user === undefined || user === "" || /^(?:root|0)(?::|$)/.test(user) ? undefined : user;
}

/** Instructions as root, and back again. */
export function asRoot(instruction: string, user: string | undefined): string[] {
  return user === undefined ? [instruction] : ["USER root", instruction, `USER ${user}`];
}

function placeFor(stage: Stage, before: number | undefined): number {
  const limit = before ?? Infinity;
  const earlier = stage.instructions.filter(({ fromLine }) => fromLine < limit);
  const setUp = earlier.findLast(setsUp)?.toLine ?? stage.from.toLine;
  const copy = earlier.find(({ keyword, fromLine }) => /^(?:COPY|ADD)$/.test(keyword) && fromLine > setUp);
  if (copy) return copy.fromLine;
  if (before !== undefined) return before;
  const first = stage.instructions.find(
    ({ keyword, fromLine }) => fromLine > setUp && !/^(?:ARG|ENV|LABEL|SHELL|WORKDIR|MAINTAINER)$/.test(keyword),
  );
  return first?.fromLine ?? (stage.instructions.at(-1) ?? stage.from).toLine + 1;
}

function setsUp({ keyword, text }: Instruction): boolean {
  if (!/^(?:COPY|ADD|RUN|ENV|ARG)$/.test(keyword)) return false;
  // A RUN that only installs certificates sets nothing up.
  return SETS_UP.test(text.replace(/\/var\/lib\/apt\/lists\S*|(?:apt-get|apt|apk)\b[^&|;]*/g, ""));
}

/** A comment right above an instruction belongs to it. */
function aboveComments(text: string, line: number): number {
  const lines = text.split("\n");
  let at = line;
  while (at > 2 && /^\s*#/.test(lines[at - 2] ?? "")) at--;
  return at;
}
