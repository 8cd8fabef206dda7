/** One file of the stack: its text, and where each line of it starts. */
export class SourceFile {
  private starts: number[] | undefined;

  constructor(
    readonly name: string,
    readonly text: string,
  ) {}

  /** Line and column, both from 1, of an offset into the text. */
  locate(offset: number): { line: number; column: number } {
    const starts = (this.starts ??= lineStarts(this.text));
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: Math.max(0, offset - (starts[low] ?? 0)) + 1 };
  }

  /** The text of a line counted from 1, without its line break. */
  line(number: number): string {
    const starts = (this.starts ??= lineStarts(this.text));
    return this.text.slice(starts[number - 1] ?? 0, starts[number] ?? this.text.length).replace(/\r?\n$/, "");
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** A stretch of one file: where a finding points to. */
export interface Span {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
}

export interface Scalar extends Span {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** As a person wrote it: `1.10` stays `1.10` where a text is wanted. Of quoted texts what the quotes hold. */
  readonly text: string;
  /** Variables were put in: a number or a boolean may have come of it, though YAML saw a text. */
  readonly interpolated?: boolean;
  /** Already reported; readers say nothing more about it. */
  readonly broken?: boolean;
}

export interface List extends Span {
  readonly kind: "list";
  readonly items: readonly Node[];
}

export interface Entry {
  readonly keyAt: Span;
  readonly value: Node;
}

export interface Mapping extends Span {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, Entry>;
}

/** A parsed value. Immutable: merging and interpolation make new nodes that keep their place in their own file. */
export type Node = Scalar | List | Mapping;

export type Path = readonly (string | number)[];

/** `services.api.ports[0]`; keys that are no plain words are quoted. */
export function formatPath(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (/^[\w-]+$/.test(part)) text += text === "" ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

/** The node at `path`, or the nearest one above it that exists. */
export function nodeAt(root: Node, path: Path): Node {
  let node = root;
  for (const part of path) {
    const next: Node | undefined =
      node.kind === "map" ? node.entries.get(String(part))?.value : node.kind === "list" ? node.items[Number(part)] : undefined;
    if (!next) return node;
    node = next;
  }
  return node;
}

/** Where `needle` stands inside a scalar's source, or its start. */
export function spanOf(node: Span, needle: string): Span {
  const at = node.file.text.indexOf(needle, node.start);
  return at === -1 || at + needle.length > node.end ? node : { file: node.file, start: at, end: at + needle.length };
}
