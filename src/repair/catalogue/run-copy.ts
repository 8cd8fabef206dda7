import { posix } from "node:path";
import { replaceIn } from "../dockerfile/edit.ts";
import { failingInstruction } from "../dockerfile/locate.ts";
import { type Instruction, parseDockerfile } from "../dockerfile/parse.ts";
import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { closestPath } from "./closest-path.ts";
import { firstOf, mended, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { copyOf } from "./run-copied.ts";
import { isPlainPath } from "./run-image.ts";
import { latestLike, nameIn } from "./run-lines.ts";

const PATH = '[^\\s"]{1,500}';
const NO_SOURCE: readonly RegExp[] = [
  new RegExp(
    `(?:COPY|ADD) failed: (?:file not found in build context or excluded by \\.dockerignore: )?(?:l?stat) (?:/\\S{0,200}/docker-builder\\d{1,20}/)?(${PATH}): (?:file does not exist|no such file or directory)`,
  ),
  new RegExp(`failed to (?:calculate checksum|compute cache key)[^"]{0,500}"(${PATH})":? not found`),
  new RegExp(
    `failed to (?:calculate checksum|compute cache key)[^"]{0,500}: l?stat /\\S{0,300}/(?:buildkit-mount\\d{1,20}|fs)/(${PATH}): no such file`,
  ),
  /(?:COPY|ADD) failed: no source files were specified/,
];

export const COPY_SOURCE_MISSING: Entry = {
  id: 22,
  slug: "copy-source-missing",
  title: "COPY names what is not in the build context",
  verdicts:
    "approve: the closest path, at most two letters away; report where none is, where .dockerignore leaves it out, or where it comes from a stage",
  example: 'failed to compute cache key: "/requirments.txt" not found: not found',
  match: (evidence, snapshot) => firstOf(latestLike(evidence, NO_SOURCE), (line) => explain(line, snapshot)),
};

interface Missing {
  readonly instruction: Instruction;
  /** As the instruction writes it. */
  readonly written: string;
  readonly fromStage: boolean;
}

function explain(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const named = nameIn(line);
  const missing = instructionOf(line, named, snapshot);
  const path = plain(named === "" ? (missing?.written ?? "") : named);
  const told = {
    entry: 22,
    signature: `copy-source-missing:${path}`,
    cause: `COPY wants ${path}, which is not in the build context`,
    lines: [line],
  };
  const context = pathsOfContext(snapshot);
  if (missing?.fromStage)
    return reported({
      ...told,
      cause: `COPY --from wants ${path}, which that stage does not have`,
      sure: "confirmed",
      verdict: "report",
      remedy: `See to it that the earlier stage makes ${path}, or correct the path.`,
    });
  if (context.has(path))
    return reported({
      ...told,
      cause: `COPY wants ${path}, which .dockerignore leaves out of the build context`,
      sure: "likely",
      verdict: "report",
      remedy: `Let .dockerignore keep ${path}, e.g. by a line !${path}.`,
    });
  const closest = closestPath(path, context);
  const text = missing && closest !== undefined ? replaced(missing, closest, snapshot) : undefined;
  return (
    mended({ ...told, sure: "likely", verdict: "approve", remedy: `Copies ${closest}, which is the closest name.` }, snapshot, text) ??
    reported({
      ...told,
      sure: "named",
      verdict: "report",
      remedy: `Add ${path} to the build context, or correct its name in the Dockerfile.`,
    })
  );
}

/** The COPY that failed; without a mark of the builder, the one that names the path. */
function instructionOf(
  { failing }: FoundLine,
  named: string,
  { dockerfile: file, buildArgs, target }: ServiceSnapshot,
): Missing | undefined {
  if (!file) return undefined;
  const dockerfile = parseDockerfile(file.text, buildArgs);
  const all = dockerfile.stages.flatMap((stage) => stage.instructions.map((instruction) => ({ stage, instruction })));
  const failed = failing && failingInstruction(dockerfile, failing, target);
  for (const { stage, instruction } of [...(failed ? [failed] : []), ...all]) {
    const copy = copyOf(dockerfile, stage, instruction);
    const written = copy?.sources.find((source) => (named === "" ? /[*?]/.test(source) : plain(source) === plain(named)));
    if (copy && written !== undefined) return { instruction, written, fromStage: copy.from !== undefined };
  }
  return undefined;
}

function replaced(
  { instruction, written }: Missing,
  closest: string,
  { dockerfile, buildArgs, paths }: ServiceSnapshot,
): string | undefined {
  if (!dockerfile || !isPlainPath(closest)) return undefined;
  const front = /^(?:\.\/|\/)/.exec(written)?.[0] ?? "";
  const back = written.endsWith("/") ? "/" : "";
  const text = replaceIn(dockerfile.text, instruction, [wordLike(written), `${front}${closest}${back}`]);
  const [former, now] = [posix.basename(written), posix.basename(closest)];
  if (text === dockerfile.text) return undefined;
  if (former === now || paths.some((path) => posix.basename(path) === former)) return text;
  // Under its former name it was to be found in the image, and what comes later calls it so.
  const later = parseDockerfile(text, buildArgs).stages.flatMap(({ instructions }) => instructions);
  const callers = later.filter((one) => one.fromLine >= instruction.fromLine && one.text.includes(former));
  return callers.reduce((changed, one) => replaceIn(changed, one, [wordLike(former), now]), text);
}

function wordLike(word: string): RegExp {
  return new RegExp(`(?<=[\\s"'=/])${word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?=[\\s"',;]|$)`);
}

/** Files and folders below the build context, relative to it. */
function pathsOfContext({ directory, paths }: ServiceSnapshot): ReadonlySet<string> {
  const front = directory === "" ? "" : `${directory}/`;
  const files = paths.filter((path) => path.startsWith(front)).map((path) => path.slice(front.length));
  const folders = files.flatMap((path) => foldersOf(path));
  return new Set([...files, ...folders]);
}

function foldersOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

function plain(path: string): string {
  return posix.resolve("/", path).slice(1);
}
