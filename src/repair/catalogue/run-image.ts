import { posix } from "node:path";
import { failingInstruction, finalStage } from "../dockerfile/locate.ts";
import { argumentsOf, type Dockerfile, parseDockerfile, type Stage } from "../dockerfile/parse.ts";
import type { Evidence } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import type { FoundLine } from "./entry.ts";
import { copiedTo, type Copied, wordsOf, workdirAt } from "./run-copied.ts";

/** The Dockerfile of a service as far as a line of the evidence is about it. */
export interface Place {
  readonly text: string;
  readonly dockerfile: Dockerfile;
  readonly stage: Stage;
  /** Line of the instruction that failed, from 1; absent where the image was built. */
  readonly before?: number;
}

/** The stage that failed in a build, else the one that becomes the image. */
export function placeOf(
  { failing, source }: Pick<FoundLine, "failing" | "source">,
  { dockerfile: file, buildArgs, target }: ServiceSnapshot,
): Place | undefined {
  if (!file) return undefined;
  const dockerfile = parseDockerfile(file.text, buildArgs);
  const failed = failing && source !== "state" && source !== "container" ? failingInstruction(dockerfile, failing, target) : undefined;
  if (failed) return { text: file.text, dockerfile, stage: failed.stage, before: failed.instruction.fromLine };
  const stage = finalStage(dockerfile, target);
  return stage && { text: file.text, dockerfile, stage };
}

/** A file of the service, found by what the container calls it: absolute, relative to where it works, or by its name on the PATH. */
export function fileCalled({ dockerfile, stage, before }: Place, called: string, snapshot: ServiceSnapshot): Copied | undefined {
  const target = posix.resolve(workdirAt(dockerfile, stage, before), called);
  const found = copiedTo(dockerfile, stage, { target, snapshot });
  if (found || called.includes("/")) return found;
  const onPath = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/"].map((folder) => posix.join(folder, called));
  return onPath.map((one) => copiedTo(dockerfile, stage, { target: one, snapshot })).find((one) => one !== undefined);
}

/** What the container runs: compose's own words where it has some, else those of the image. */
export function startedWith({ dockerfile, stage }: Place, { config }: ServiceSnapshot): readonly string[] {
  const last = (keyword: string): readonly string[] => {
    const found = [stage, ...dockerfile.stages.slice(0, stage.index).toReversed()].flatMap(({ instructions }) =>
      instructions.filter((one) => one.keyword === keyword).slice(-1),
    )[0];
    return found ? wordsOf(argumentsOf(found)) : [];
  };
  return [
    ...(config.entrypoint?.length ? config.entrypoint : last("ENTRYPOINT")),
    ...(config.command?.length ? config.command : last("CMD")),
  ];
}

/** It, or a folder above it, comes from the host. */
export function isMounted(path: string, { config }: ServiceSnapshot): boolean {
  return config.bindTargets.some((target) => path === target || path.startsWith(target.endsWith("/") ? target : `${target}/`));
}

/** It can stand in a Dockerfile and in a shell as it is. */
export function isPlainPath(path: string): boolean {
  return /^[\w./+@%:,-]+$/.test(path) && !path.startsWith("-");
}

/** The classic builder knows no `--chmod`; it is told by how it counts. */
export function isClassicBuild({ texts }: Evidence): boolean {
  return texts.some(({ lines }) => lines.some((line) => /^Step \d{1,4}\/\d{1,4} : /.test(line)));
}
