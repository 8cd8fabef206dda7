import { posix } from "node:path";
import { chainOf } from "../dockerfile/locate.ts";
import type { Dockerfile, Instruction, Stage } from "../dockerfile/parse.ts";
import { type Command, commandsOf } from "../manifests/run-command.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { copiedTo, copyOf, workdirAt } from "./run-copied.ts";
import type { Place } from "./run-image.ts";

/** A command that a Dockerfile calls. */
export interface Called {
  readonly stage: Stage;
  readonly instruction: Instruction;
  readonly command: Command;
  /** Without what stands in front of it: variables, `sudo`, `exec`. */
  readonly words: readonly string[];
}

/** Options of an instruction's command, by their names, and the words that are none. */
export interface Options {
  readonly rest: readonly string[];
  readonly values: readonly (readonly [option: string, value: string])[];
}

/** Commands of the stage, of those it builds on and of those it copies from, in that order. */
export function commandsNear({ text, dockerfile, stage }: Place): readonly Called[] {
  return stagesNear(dockerfile, stage).flatMap((one) =>
    one.instructions.flatMap((instruction) =>
      commandsOf(text, instruction).map((command) => ({
        stage: one,
        instruction,
        command,
        words: bare(command.words.map(({ text }) => text)),
      })),
    ),
  );
}

/** The stage, those it builds on, and those it copies from; each once. */
function stagesNear(dockerfile: Dockerfile, stage: Stage): readonly Stage[] {
  const near = new Set(chainOf(dockerfile, stage));
  // A set grows while it is walked: stages that are copied from are looked into as well.
  for (const one of near) {
    for (const instruction of one.instructions) {
      const from = copyOf(dockerfile, one, instruction)?.from;
      const earlier =
        from === undefined
          ? undefined
          : dockerfile.stages.find(({ name, index }) => name?.toLowerCase() === from.toLowerCase() || String(index) === from);
      if (earlier) for (const source of chainOf(dockerfile, earlier)) near.add(source);
    }
  }
  return [...near];
}

/** `--option value` and `--option=value`, for those that take one. */
export function optionsOf(words: readonly string[], taking: ReadonlySet<string>): Options {
  const rest: string[] = [];
  const values: (readonly [string, string])[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const [option, value] = word.startsWith("--") ? split(word) : [word.slice(0, 2), word.length > 2 ? word.slice(2) : undefined];
    if (!word.startsWith("-")) rest.push(word);
    else if (taking.has(option)) values.push([option, value ?? words[++at] ?? ""]);
  }
  return { rest, values };
}

/** The file of the workspace that a command reads by this name; undefined where none is seen to be. */
export function fileRead(
  { stage, instruction }: Pick<Called, "stage" | "instruction">,
  { dockerfile }: Place,
  { written, snapshot }: { readonly written: string; readonly snapshot: ServiceSnapshot },
): string | undefined {
  const { files, directory } = snapshot;
  const target = posix.resolve(workdirAt(dockerfile, stage, instruction.fromLine), written);
  const copied = copiedTo(dockerfile, stage, { target, snapshot })?.path;
  const near = [
    posix.join(directory, written.replace(/^\/+/, "")),
    posix.join(directory, posix.basename(written)),
    mounted(instruction, written, directory),
  ];
  return [copied, ...near].find((path) => path !== undefined && files.has(path));
}

function mounted({ flags }: Instruction, written: string, directory: string): string | undefined {
  const bind = flags.find(
    (flag) =>
      flag.startsWith("--mount=") && posix.basename(written) === posix.basename(/(?:target|dst|destination)=([^,]+)/.exec(flag)?.[1] ?? ""),
  );
  const source = /(?:source|src)=([^,]+)/.exec(bind ?? "")?.[1];
  return source && posix.join(directory, source);
}

function split(word: string): readonly [string, string | undefined] {
  const at = word.indexOf("=");
  return at === -1 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function bare(words: readonly string[]): readonly string[] {
  const first = words.findIndex((word) => !/^(?:[A-Za-z_]\w*=|sudo$|exec$|time$|nice$|set$|if$|then$|do$|!$)/.test(word));
  return first === -1 ? [] : words.slice(first);
}
