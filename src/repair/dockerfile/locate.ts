import type { FailingStep } from "../finding.ts";
import type { Distribution, ServiceSnapshot } from "../snapshot.ts";
import { argumentsOf, type Dockerfile, type Instruction, type Stage } from "./parse.ts";

export interface Located {
  readonly stage: Stage;
  readonly instruction: Instruction;
}

/** The stage that becomes the image: `target` by name or number, else the last one. */
export function finalStage({ stages }: Dockerfile, target?: string): Stage | undefined {
  const named = target === undefined ? undefined : stages.find((stage) => isCalled(stage, target));
  return named ?? stages.at(-1);
}

/** The stage and those it builds on, nearest first. */
export function chainOf(dockerfile: Dockerfile, stage: Stage): readonly Stage[] {
  const parent = dockerfile.stages.slice(0, stage.index).findLast(({ name }) => name?.toLowerCase() === stage.image.toLowerCase());
  return parent ? [stage, ...chainOf(dockerfile, parent)] : [stage];
}

/** The image at the end of its chain of stages, e.g. `python:3.11-slim`. */
export function baseOf(dockerfile: Dockerfile, stage: Stage): string {
  return chainOf(dockerfile, stage).at(-1)?.image ?? stage.image;
}

/** Which package manager it has: what the name says, else what was found in the image, else what its own instructions call. */
export function distributionOf(
  dockerfile: Dockerfile,
  stage: Stage,
  { distributions }: Pick<ServiceSnapshot, "distributions">,
): Distribution {
  const image = baseOf(dockerfile, stage);
  const named = namedDistribution(image);
  if (named) return named;
  const found = distributions.get(image);
  if (found && found !== "unknown") return found;
  return found === undefined
    ? (officialDistribution(image) ?? calledDistribution(dockerfile, stage))
    : calledDistribution(dockerfile, stage);
}

/** The instruction a build ended at. Classic builder: `step` counts over the file; BuildKit: within the stage (repair.md, `FailingStep`). */
export function failingInstruction(dockerfile: Dockerfile, failing: FailingStep, target?: string): Located | undefined {
  const wanted = plain(failing.instruction);
  const candidates = stagesOf(dockerfile, failing, target).flatMap((stage) =>
    stage.instructions.map((instruction) => ({ stage, instruction })),
  );
  const same = candidates.filter(({ instruction }) => plain(instruction.text) === wanted);
  if (same.length === 1) return same[0];
  const counted = countedStep(dockerfile, failing, same.length > 0 ? same : candidates);
  if (counted && (same.length > 0 || isLike(counted.instruction, wanted))) return counted;
  if (same.length > 0) return same.at(-1);
  const alike = candidates.filter(({ instruction }) => isLike(instruction, wanted));
  return alike.at(-1);
}

function stagesOf(dockerfile: Dockerfile, { stage }: FailingStep, target?: string): readonly Stage[] {
  const unnamed = /^stage-(\d+)$/.exec(stage ?? "")?.[1];
  const named = stage === undefined ? undefined : dockerfile.stages.find((one) => isCalled(one, unnamed ?? stage));
  if (named) return [named];
  const final = finalStage(dockerfile, target);
  // Of two that look the same, the one that was asked for.
  return [...dockerfile.stages.filter((one) => one !== final), ...(final ? [final] : [])];
}

function countedStep(dockerfile: Dockerfile, { stage, step }: FailingStep, among: readonly Located[]): Located | undefined {
  if (step === undefined) return undefined;
  const inFile = dockerfile.stages.flatMap((one) => [undefined, ...one.instructions])[step - 1 - dockerfile.args.length];
  const overFile = among.find(({ instruction }) => instruction === inFile);
  const inStage = among.filter((one) => stepInStage(dockerfile, one) === step).at(-1);
  return stage === undefined ? (overFile ?? inStage) : inStage;
}

/** BuildKit counts what makes a layer, and the FROM where it is an image. */
function stepInStage(dockerfile: Dockerfile, { stage, instruction }: Located): number {
  const layers = stage.instructions.filter(({ keyword }) => /^(?:RUN|COPY|ADD|WORKDIR)$/.test(keyword));
  return layers.indexOf(instruction) + (chainOf(dockerfile, stage).length > 1 || stage.image === "scratch" ? 1 : 2);
}

function isCalled({ name, index }: Stage, wanted: string): boolean {
  return name?.toLowerCase() === wanted.toLowerCase() || String(index) === wanted;
}

/** Builders print an instruction with its variables filled in, without quotes, sometimes cut, sometimes as the shell is called. */
function isLike(instruction: Instruction, wanted: string): boolean {
  const [shown] = wanted.split(/(?:\.\.\.|…)$/);
  const text = plain(instruction.text);
  if (!shown || text.split(" ")[0] !== shown.split(" ")[0]) return false;
  const parts = text.split(/\$\{[^}]*\}|\$\w+/);
  if (parts.length > 1 && inTurn(parts, shown)) return true;
  return shown.length >= 12 && text.startsWith(shown);
}

/** All parts, one after the other, the first at the very front. */
function inTurn(parts: readonly string[], text: string): boolean {
  let at = 0;
  for (const [index, part] of parts.entries()) {
    const found = text.indexOf(part, at);
    if (found === -1 || (index === 0 && found > 0)) return false;
    at = found + part.length;
  }
  return true;
}

function plain(text: string): string {
  return text
    .replace(/^(\w+)(?: --[\w-]+(?:=\S*)?)*/, (_, keyword: string) => keyword.toUpperCase())
    .replace(/^RUN \/bin\/(?:ba)?sh -c /, "RUN ")
    .replace(/["'\\]/g, "")
    .replace(/\s+/g, " ")
    .trim();
}

const ALPINE = /(?:^|[/:@._-])alpine/;
const DEBIAN = /(?:^|[/:._-])(?:debian|ubuntu|slim|jessie|stretch|buster|bullseye|bookworm|trixie|forky|bionic|focal|jammy|noble)/;
/** Other families, and images without a package manager. */
const OTHERS =
  /distroless|scratch|busybox|windows|nanoserver|fedora|centos|rocky|alma|ubi\d|amazonlinux|oraclelinux|arch|opensuse|wolfi|chainguard|nixos/;
/** Official images whose plain tags are made of Debian. */
const OFFICIAL =
  /^(?:docker\.io\/)?(?:library\/)?(?:python|node|ruby|golang|rust|php|perl|openjdk|postgres|mysql|mariadb|redis|nginx|httpd|gcc|buildpack-deps|tomcat|elixir|erlang|haskell|julia|pypy|r-base|swift|dart|eclipse-temurin)(?::|@|$)/;

function namedDistribution(image: string): Distribution | undefined {
  const name = image.toLowerCase().split("@")[0] ?? "";
  if (ALPINE.test(name)) return "alpine";
  if (OTHERS.test(name)) return "unknown";
  return DEBIAN.test(name) ? "debian" : undefined;
}

function officialDistribution(image: string): Distribution | undefined {
  return OFFICIAL.test(image.toLowerCase()) ? "debian" : undefined;
}

function calledDistribution(dockerfile: Dockerfile, stage: Stage): Distribution {
  const run = chainOf(dockerfile, stage)
    .flatMap(({ instructions }) => instructions)
    .filter(({ keyword }) => keyword === "RUN")
    .map(argumentsOf)
    .join("\n");
  if (/\bapt(?:-get)? /.test(run)) return "debian";
  return /\bapk (?:-\S+ )*add\b/.test(run) ? "alpine" : "unknown";
}
