import { installPackages } from "../dockerfile/install.ts";
import { baseOf, chainOf, distributionOf, finalStage } from "../dockerfile/locate.ts";
import { installedPackages } from "../dockerfile/packages.ts";
import { argumentsOf, type Instruction, type Stage } from "../dockerfile/parse.ts";
import type { Diagnosis, Finding } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { mended, reported, type Sureness } from "./diagnosis.ts";
import type { FoundLine } from "./entry.ts";
import { type Place, placeOf } from "./run-image.ts";
import { type Packages, runtimeOf } from "./system-headers.ts";

export interface Site extends Place {
  readonly distribution: "debian" | "alpine";
}

/** What is missing, found in a line; `subject` ends the signature. */
export interface Missing extends Pick<Finding, "cause"> {
  readonly entry: number;
  readonly slug: string;
  readonly subject: string;
  readonly line: FoundLine;
  readonly sure: Sureness;
  readonly packages: Packages;
  /** It may be built for Python: then, where Python is the distribution's own, its headers are needed too. */
  readonly forPython?: boolean;
  /** Nothing was compiled yet: a bare image will need a compiler next. */
  readonly compiles?: boolean;
}

/** Instructions that build something; asked where the builder did not say which one failed. */
const BUILDS = /\b(?:pip3?|poetry|pipenv|uv|pdm|npm|yarn|pnpm|bundle|gem|cargo|go|make|cmake|meson|gcc|g\+\+|cc)\b/;

/** The place a build ended at, with what its package manager is; undefined without a Dockerfile, or where nothing can be installed. */
export function buildSite(line: FoundLine, snapshot: ServiceSnapshot): Site | undefined {
  const place = placeOf(line, snapshot);
  if (!place || place.before !== undefined) return sited(place, snapshot);
  const likely = [place.stage, ...place.dockerfile.stages.toReversed()]
    .flatMap((stage) => stage.instructions.map((instruction) => ({ stage, instruction })))
    .find(({ instruction }) => instruction.keyword === "RUN" && BUILDS.test(withoutPackageManagers(instruction)));
  return sited(likely ? { ...place, stage: likely.stage, before: likely.instruction.fromLine } : place, snapshot);
}

/** Where the container runs; in a build, where that ended. */
export function runSite(line: FoundLine, snapshot: ServiceSnapshot): Site | undefined {
  return sited(placeOf(line, snapshot), snapshot);
}

/** Installs what is missing; a report where that is there already, or cannot be installed. */
export function installed(missing: Missing, site: Site | undefined, snapshot: ServiceSnapshot): Diagnosis {
  const { entry, slug, subject, cause, line, sure } = missing;
  const told = { entry, signature: `${slug}:${subject}`, cause, lines: [line], sure };
  const packages = site ? wanted(missing, site) : [];
  const text = site && withRuntime(withPackages(site, packages), packages, { site, snapshot });
  const remedy = `Installs ${packages.join(", ")}${site ? ` (${site.distribution})` : ""}.`;
  return (
    mended({ ...told, verdict: "fix", remedy }, snapshot, text) ??
    reported({ ...told, verdict: "report", remedy: byHand(missing, site, packages) })
  );
}

function withPackages({ text, stage, before, distribution }: Site, packages: readonly string[]): string {
  if (packages.length === 0) return text;
  return installPackages(text, { stage: stage.index, packages, distribution, ...(before !== undefined && { before }) });
}

/** What the site's stage has installed when the failing instruction comes. */
export function thereAt({ dockerfile, stage, before = Infinity }: Place): ReadonlySet<string> {
  return installedPackages(dockerfile, stage, before);
}

/** The headers of the distribution's Python, where that is the one in use. */
export function pythonHeaders(site: Site, { lines }: Pick<FoundLine, "lines">): readonly string[] {
  const there = [...thereAt(site)];
  const own = there.find((name) => /^python3\.\d+$/.test(name));
  if (own !== undefined && site.distribution === "debian" && !there.includes("python3")) return [`${own}-dev`];
  const distributions = there.some((name) => /^(?:python3|python3-(?:pip|venv|full|minimal)|py3-pip)$/.test(name));
  return distributions || lines.some((line) => /\/usr\/(?:lib|include)\/python3/.test(line)) ? ["python3-dev"] : [];
}

function wanted(missing: Missing, site: Site): readonly string[] {
  const own = missing.packages[site.distribution];
  if (own.length === 0) return [];
  const compilers =
    missing.compiles === true && isBare(site) ? (site.distribution === "debian" ? ["build-essential"] : ["build-base"]) : [];
  return [
    ...new Set([
      ...own,
      ...compilers,
      ...(missing.forPython === true && isForPython(missing.line) ? pythonHeaders(site, missing.line) : []),
    ]),
  ];
}

function isForPython({ failing, lines }: FoundLine): boolean {
  return (
    /\b(?:pip3?|poetry|pipenv|uv|pdm|setup\.py)\b/.test(failing?.instruction ?? "") ||
    lines.some((one) => /building wheel|\bsetup\.py\b/i.test(one))
  );
}

/** Images made small have no compiler; the others of the official ones do. */
function isBare(site: Site): boolean {
  const there = thereAt(site);
  if (["gcc", "g++", "build-essential", "build-base", "clang"].some((name) => there.has(name))) return false;
  return /alpine|slim|^(?:docker\.io\/)?(?:library\/)?(?:debian|ubuntu)(?:$|[:@])/.test(baseOf(site.dockerfile, site.stage));
}

/** A later stage that only takes over what was built here needs the libraries it was linked with. */
function withRuntime(
  text: string,
  packages: readonly string[],
  { site, snapshot }: { readonly site: Site; readonly snapshot: ServiceSnapshot },
): string {
  const { dockerfile, stage } = site;
  const final = finalStage(dockerfile, snapshot.target);
  if (!final || chainOf(dockerfile, final).includes(stage) || !takesFrom(final, stage)) return text;
  const distribution = distributionOf(dockerfile, final, snapshot);
  if (distribution === "unknown") return text;
  return installPackages(text, {
    stage: final.index,
    packages: runtimeOf(packages, { distribution, image: baseOf(dockerfile, final) }),
    distribution,
  });
}

function takesFrom(final: Stage, { name, index }: Stage): boolean {
  const from = final.instructions.flatMap(({ flags }) => flags.flatMap((flag) => /^--from=(.*)$/.exec(flag)?.[1] ?? []));
  return from.some((one) => one.toLowerCase() === name?.toLowerCase() || one === String(index));
}

function byHand({ packages }: Missing, site: Site | undefined, wanted: readonly string[]): string {
  const names = packages.debian.join(", ") || packages.alpine.join(", ");
  if (!site) return `Install ${names || "what has it"} in the image; its Dockerfile has no package manager that is known.`;
  if (wanted.length === 0) return `${site.distribution} has no package with it: use another base image.`;
  return `${wanted.join(", ")} ${wanted.length > 1 ? "are" : "is"} installed already: look at what was built, and for which release.`;
}

function sited(place: Place | undefined, snapshot: ServiceSnapshot): Site | undefined {
  if (!place) return undefined;
  const distribution = distributionOf(place.dockerfile, place.stage, snapshot);
  return distribution === "unknown" ? undefined : { ...place, distribution };
}

function withoutPackageManagers(instruction: Instruction): string {
  return argumentsOf(instruction).replace(/\b(?:apt-get|apt|apk)\b[^&|;]*/g, "");
}
