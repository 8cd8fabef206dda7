import { DockerfileParser } from "dockerfile-ast";

/** Longer files are cut here: no Dockerfile that a person wrote is. */
const MAX_CHARS = 256 * 1024;
const MAX_NESTED = 5;

export interface Instruction {
  /** In capitals, e.g. `RUN`. */
  readonly keyword: string;
  /** As written, e.g. `--mount=type=cache,target=/root/.npm`. */
  readonly flags: readonly string[];
  /** The whole of it on one line: continuations joined, comments left out, one blank between words. A heredoc keeps its lines. */
  readonly text: string;
  /** First and last line in the file, from 1. */
  readonly fromLine: number;
  readonly toLine: number;
}

export interface Stage {
  /** From 0. */
  readonly index: number;
  /** After `AS`, as written. */
  readonly name?: string;
  /** What FROM names, with ARGs filled in; may be the name of an earlier stage. */
  readonly image: string;
  readonly from: Instruction;
  /** Without the FROM. */
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  readonly stages: readonly Stage[];
  /** ARGs in front of the first FROM. */
  readonly args: readonly Instruction[];
}

/** What can be read of it; never throws. `buildArgs` win over what ARG sets. */
export function parseDockerfile(text: string, buildArgs: Readonly<Record<string, string>> = {}): Dockerfile {
  const instructions = instructionsOf(text.slice(0, MAX_CHARS));
  const first = instructions.findIndex(({ keyword }) => keyword === "FROM");
  const args = instructions.slice(0, first === -1 ? undefined : first).filter(({ keyword }) => keyword === "ARG");
  const values = { ...Object.assign({}, ...args.map(defaultsOf)), ...buildArgs };
  const starts = instructions.flatMap(({ keyword }, at) => (keyword === "FROM" ? [at] : []));
  const stages = starts.map((start, index) => stageOf(instructions.slice(start, starts[index + 1]), { index, values }));
  return { args, stages: stages.filter((stage) => stage !== undefined) };
}

/** `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}`; a name without a value is left as it stands. */
export function filledIn(text: string, values: Readonly<Record<string, string>>): string {
  let now = text;
  // The innermost first: `${A:+-${A}}`.
  for (let depth = 0; depth < MAX_NESTED; depth++) {
    const before = now;
    now = now.replace(/\$(?:\{(\w+)(?::([-+])([^${}]*))?\}|(\w+))/g, (whole, ...groups: readonly string[]) => {
      const [braced = "", how, other = "", plain] = groups;
      const value = values[braced === "" ? (plain ?? "") : braced];
      if (how === "+") return value ? other : "";
      if (how === "-") return value || other;
      // Empty, where it only stands within its own default.
      return value ?? (text.includes(`{${braced}:`) ? "" : whole);
    });
    if (now === before) break;
  }
  return now;
}

/** What comes after the keyword and its flags. */
export function argumentsOf({ keyword, flags, text }: Instruction): string {
  return text.slice([keyword, ...flags].join(" ").length).trim();
}

function stageOf(
  [from, ...instructions]: readonly Instruction[],
  { index, values }: { readonly index: number; readonly values: Readonly<Record<string, string>> },
): Stage | undefined {
  if (!from) return undefined;
  const [image = "", as, name] = argumentsOf(from).split(" ");
  return {
    index,
    image: filledIn(unquoted(image), values),
    from,
    instructions,
    ...(/^as$/i.test(as ?? "") && name !== undefined && { name }),
  };
}

function defaultsOf(arg: Instruction): Record<string, string> {
  const pairs = argumentsOf(arg)
    .split(" ")
    .map((pair) => /^(\w+)=(.*)$/.exec(pair));
  return Object.fromEntries(pairs.flatMap((pair) => (pair ? [[pair[1] ?? "", unquoted(pair[2] ?? "")]] : [])));
}

function unquoted(word: string): string {
  return word.replace(/^(["'])(.*)\1$/, "$2");
}

function instructionsOf(text: string): Instruction[] {
  try {
    const parsed = DockerfileParser.parse(text);
    const lines = text.split(/\r?\n/);
    const escape = parsed.getEscapeCharacter();
    return parsed.getInstructions().map((one) => {
      const { start, end } = one.getRange();
      const [from, to] = [start.line, end.line];
      return instructionOf(lines.slice(from, to + 1), { fromLine: from + 1, toLine: to + 1, keyword: one.getKeyword(), escape });
    });
  } catch {
    // The library reads what people write; what makes it stumble is no Dockerfile.
    return [];
  }
}

function instructionOf(
  lines: readonly string[],
  { escape, ...rest }: Pick<Instruction, "fromLine" | "toLine" | "keyword"> & { readonly escape: string },
): Instruction {
  const text = joined(lines, escape);
  const flags = /^\S+((?: --[\w-]+(?:=\S*)?)*)/.exec(text)?.[1] ?? "";
  return { ...rest, flags: flags.split(" ").filter(Boolean), text: text.replace(/^\S+/, rest.keyword) };
}

/** Until the first line that does not go on; what comes then is the body of a heredoc. */
function joined(lines: readonly string[], escape: string): string {
  const plain: string[] = [];
  for (const [at, line] of lines.entries()) {
    if (at > 0 && /^\s*(?:#.*)?$/.test(line)) continue;
    const open = line.trimEnd();
    const goesOn = open.endsWith(escape);
    plain.push(goesOn ? open.slice(0, -1) : line);
    if (!goesOn) {
      const body = lines.slice(at + 1);
      const head = oneBlank(plain.join(" "));
      return body.length === 0 ? head : [head, ...body].join("\n");
    }
  }
  return oneBlank(plain.join(" "));
}

function oneBlank(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
