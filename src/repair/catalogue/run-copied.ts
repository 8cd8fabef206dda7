import { posix } from "node:path";
import { chainOf } from "../dockerfile/locate.ts";
import { argumentsOf, type Dockerfile, type Instruction, type Stage } from "../dockerfile/parse.ts";
import type { ServiceSnapshot } from "../snapshot.ts";

/** How often a file may be handed on from stage to stage. */
const MAX_STAGES = 20;

export interface Copied {
  /** Where the file came out of the build context. */
  readonly stage: Stage;
  readonly instruction: Instruction;
  /** The last COPY it went through: the same, unless it was handed on from an earlier stage. */
  readonly last: Instruction;
  /** Inside the image, absolute, in the stage of `instruction`. */
  readonly target: string;
  /** Relative to the workspace. */
  readonly path: string;
  /** It was copied by its own name, not as a part of a folder. */
  readonly alone: boolean;
}

/** The COPY or ADD that brings a file of the context to this place of the image; absent where none is seen to. */
export function copiedTo(
  dockerfile: Dockerfile,
  stage: Stage,
  where: { readonly target: string; readonly snapshot: ServiceSnapshot },
): Copied | undefined {
  return follow(dockerfile, stage, { ...where, left: MAX_STAGES });
}

/** What WORKDIR says in front of a line; `/` where nothing does. */
export function workdirAt(dockerfile: Dockerfile, stage: Stage, line = Infinity): string {
  const set = chainOf(dockerfile, stage)
    .toReversed()
    .flatMap(({ instructions }) => instructions.filter(({ keyword, fromLine }) => keyword === "WORKDIR" && fromLine < line));
  return set.reduce((folder, one) => posix.resolve(folder, unquoted(argumentsOf(one))), "/");
}

interface Copy {
  readonly sources: readonly string[];
  readonly target: string;
  /** It is seen to be a folder. */
  readonly folder: boolean;
  readonly from?: string;
}

/** Sources as written, the target absolute. */
export function copyOf(dockerfile: Dockerfile, stage: Stage, instruction: Instruction): Copy | undefined {
  if (!/^(?:COPY|ADD)$/.test(instruction.keyword)) return undefined;
  const words = wordsOf(argumentsOf(instruction));
  const written = words.at(-1);
  if (words.length < 2 || written === undefined) return undefined;
  const from = instruction.flags.find((flag) => flag.startsWith("--from="))?.slice("--from=".length);
  const target = posix.resolve(workdirAt(dockerfile, stage, instruction.fromLine), written);
  const folder = words.length > 2 || /(?:^|\/)\.{0,2}$/.test(written);
  return { sources: words.slice(0, -1), target, folder, ...(from !== undefined && { from }) };
}

/** Words of COPY, ENTRYPOINT or CMD: a JSON array, or with blanks between. */
export function wordsOf(text: string): readonly string[] {
  if (text.startsWith("[")) {
    try {
      const words: unknown = JSON.parse(text);
      if (Array.isArray(words)) return words.filter((word) => typeof word === "string");
    } catch {
      // No JSON: docker takes it for words, too.
    }
  }
  return text.split(/\s+/).filter(Boolean).map(unquoted);
}

interface Search {
  readonly target: string;
  readonly snapshot: ServiceSnapshot;
  readonly left: number;
}

function follow(dockerfile: Dockerfile, stage: Stage, { target, snapshot, left }: Search): Copied | undefined {
  const steps = chainOf(dockerfile, stage).flatMap((one) =>
    one.instructions.toReversed().map((instruction) => ({ stage: one, instruction })),
  );
  for (const step of left === 0 ? [] : steps) {
    const copy = copyOf(dockerfile, step.stage, step.instruction);
    if (!copy) continue;
    if (copy.from === undefined) {
      const found = foundIn(copy, target, snapshot);
      if (found) return { ...step, ...found, last: step.instruction, target };
      continue;
    }
    const earlier = dockerfile.stages.find(({ name, index }) => name === copy.from || String(index) === copy.from);
    const there = earlier && comesFrom(copy, target);
    const found = earlier && there && follow(dockerfile, earlier, { target: there, snapshot, left: left - 1 });
    if (found) return { ...found, last: step.instruction };
  }
  return undefined;
}

function foundIn({ sources, target, folder }: Copy, wanted: string, snapshot: ServiceSnapshot): Pick<Copied, "path" | "alone"> | undefined {
  const paths = new Set(snapshot.paths);
  for (const source of sources) {
    const path = below(snapshot.directory, source);
    if (path !== "" && paths.has(path)) {
      const own = posix.join(target, posix.basename(path));
      if (wanted === own || (!folder && wanted === target)) return { path, alone: sources.length === 1 };
      continue;
    }
    const inside = within(target, wanted);
    const candidate = inside && posix.join(path, inside);
    if (candidate !== undefined && paths.has(candidate) && !/[*?]/.test(source)) return { path: candidate, alone: false };
    const named = /[*?]/.test(source) && within(target, wanted);
    const matching = named && posix.join(posix.dirname(path), named);
    if (matching && paths.has(matching) && likeGlob(posix.basename(path), posix.basename(matching)))
      return { path: matching, alone: false };
  }
  return undefined;
}

/** Where in the earlier stage it was. */
function comesFrom({ sources, target }: Copy, wanted: string): string | undefined {
  const [source = ""] = sources;
  const from = posix.resolve("/", source);
  if (wanted === target || wanted === posix.join(target, posix.basename(from))) return from;
  const inside = within(target, wanted);
  return inside && posix.join(from, inside);
}

function within(folder: string, path: string): string | undefined {
  const front = folder === "/" ? "/" : `${folder}/`;
  return path.startsWith(front) && path.length > front.length ? path.slice(front.length) : undefined;
}

/** Of the context, whatever way it is written; "" is the context itself at the workspace's root. */
function below(directory: string, source: string): string {
  const path = posix.join(directory, posix.resolve("/", source).slice(1));
  return path === "." ? "" : path.replace(/\/$/, "");
}

/** One segment; `*` and `?` only. */
function likeGlob(glob: string, name: string): boolean {
  const parts = glob.split("*");
  const [first = "", ...rest] = parts;
  if (rest.length === 0) return name === first;
  let at = first.length;
  if (!name.startsWith(first)) return false;
  for (const part of rest.slice(0, -1)) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  const last = rest.at(-1) ?? "";
  return name.length >= at + last.length && name.endsWith(last);
}

function unquoted(word: string): string {
  return word.replace(/^(["'])(.*)\1$/, "$2");
}
