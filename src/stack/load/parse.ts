import { type Document, isAlias, isMap, isScalar, isSeq, parseDocument, type ParsedNode, type YAMLMap } from "yaml";
import { MAX_DEPTH, MAX_SERVICES, MAX_VALUES } from "./limits.ts";
import type { Report } from "./report.ts";
import type { Entry, Mapping, Node, Path, Scalar, SourceFile, Span } from "./source.ts";

const [NEWLINE, SPACE, OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x0a, 0x20, 0x5b, 0x5d, 0x7b, 0x7d];

/** After these the rest is noise. */
const MAX_YAML_PROBLEMS = 50;
/** JavaScript takes these for something else. */
export const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** YAML text → nodes with places. Everything wrong with it as YAML is reported; undefined when nothing usable is left. */
export function parseSource(file: SourceFile, report: Report): Mapping | undefined {
  const start: Span = { file, start: 0, end: 0 };
  if (looksLikeTooManyServices(file.text)) {
    report.add(["services"], start, { message: `more than ${MAX_SERVICES} services (MAX_SERVICES)`, hint: "split the stack" });
    return undefined;
  }
  if (looksTooDeep(file.text)) {
    report.add([], start, { message: `nested deeper than ${MAX_DEPTH} levels (MAX_DEPTH)` });
    return undefined;
  }
  const document = parsed(file, report);
  if (!document) return undefined;
  for (const problem of [...document.errors, ...document.warnings].slice(0, MAX_YAML_PROBLEMS)) {
    const [from] = problem.pos;
    const message = problem.message.split("\n")[0] ?? "";
    const at = { file, start: Math.min(from, file.text.length), end: from };
    report.add([], at, problemText(problem.code, message, file.line(file.locate(at.start).line)));
  }
  if (document.errors.length > 0) return undefined;
  const converter = new Converter(file, report);
  const root = document.contents === null ? undefined : converter.node(document.contents, []);
  if (converter.stopped) return undefined;
  if (root?.kind === "map") return root;
  if (root && isBroken(root)) return undefined;
  report.add([], root ?? start, { message: "expected a mapping with version, stack and services" });
  return undefined;
}

function parsed(file: SourceFile, report: Report): Document.Parsed | undefined {
  try {
    // Duplicate keys are looked for below: the library compares every pair of keys.
    return parseDocument(file.text, { uniqueKeys: false, prettyErrors: false, logLevel: "error" });
  } catch {
    report.add([], { file, start: 0, end: 0 }, { message: `cannot be read as YAML; is it nested deeper than ${MAX_DEPTH} levels?` });
    return undefined;
  }
}

function problemText(code: string, message: string, line: string): { message: string; hint?: string } {
  if (message.startsWith("Maximum call stack")) return { message: `nested deeper than ${MAX_DEPTH} levels (MAX_DEPTH)` };
  if (code === "TAB_AS_INDENT") return { message, hint: "indent with spaces" };
  if (code === "TAG_RESOLVE_FAILED") return { message: `${message}: tags are not part of stack.yaml` };
  if (code === "MULTIPLE_DOCS") return { message: "a stack is one YAML document; found a second one" };
  const variable = line.indexOf("${");
  if (variable > 0 && /[[{]/.test(line.slice(0, variable)))
    return { message, hint: 'inside [ ] and { } a variable needs quotes: "${NAME}"' };
  return { message };
}

/**
 * Absurd nesting costs the parser seconds before it gives up. Brackets are counted without regard to quotes, from each line at the
 * margin, so the bound is far above what texts with a lone bracket add up to; the exact limit is held afterwards.
 */
function looksTooDeep(text: string): boolean {
  if (/^[ \t]*(?:-[ \t]+){65}/m.test(text)) return true;
  let depth = 0;
  let margin = true;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === OPEN_BRACKET || code === OPEN_BRACE) depth++;
    else if ((code === CLOSE_BRACKET || code === CLOSE_BRACE) && depth > 0) depth--;
    else if (margin && code > SPACE) depth = 0;
    if (depth > MAX_DEPTH * 16) return true;
    margin = code === NEWLINE;
  }
  return false;
}

/** Counts the lines that look like service names, so that a file with far too many is refused before the parser spends seconds on it. */
function looksLikeTooManyServices(text: string): boolean {
  const head = /^services:[ \t]*(?:#.*)?\r?\n(?:[ \t]*(?:#.*)?\r?\n)*( +)\S/m.exec(text);
  if (!head) return false;
  const named = new RegExp(`\\n${head[1] ?? ""}[A-Za-z0-9"'][^\\n:]*:`, "g");
  named.lastIndex = head.index;
  let count = 0;
  while (named.exec(text)) if (++count > MAX_SERVICES * 2) return true;
  return false;
}

export function isBroken(node: Node): boolean {
  return node.kind === "scalar" && node.broken === true;
}

class Converter {
  private readonly anchors = new Map<string, { node?: Node; size: number }>();
  private count = 0;
  /** A limit was met; what was read is not the whole file. */
  stopped = false;

  constructor(
    private readonly file: SourceFile,
    private readonly report: Report,
  ) {}

  node(from: ParsedNode | null | undefined, path: Path, near = 0): Node {
    const span = this.span(from?.range, near);
    if (this.stopped) return broken(span);
    if (path.length > MAX_DEPTH) return this.stop(path, span, `nested deeper than ${MAX_DEPTH} levels (MAX_DEPTH)`);
    if (++this.count > MAX_VALUES)
      return this.stop(path, span, `more than ${MAX_VALUES} values (MAX_VALUES), aliases counted as often as used`);
    if (!from) return { kind: "scalar", ...span, value: null, text: "" };
    if (isAlias(from)) return this.alias(from.source, path, span);
    const anchor = "anchor" in from ? from.anchor : undefined;
    const before = this.count;
    const slot: { node?: Node; size: number } = { size: 0 };
    if (anchor) this.anchors.set(anchor, slot);
    const node = this.value(from, path, span);
    slot.node = node;
    slot.size = this.count - before;
    return node;
  }

  private value(from: ParsedNode, path: Path, span: Span): Node {
    if (isMap(from)) return this.map(from, path, span);
    if (isSeq(from))
      return { kind: "list", ...span, items: from.items.map((item, index) => this.node(item, [...path, index], span.start)) };
    if (!isScalar(from)) return broken(span);
    const { value } = from;
    if (value === null || typeof value === "number" || typeof value === "boolean")
      return { kind: "scalar", ...span, value, text: from.source ?? String(value) };
    const text = typeof value === "string" ? value : (from.source ?? "");
    if (!text.includes("\0")) return { kind: "scalar", ...span, value: text, text };
    this.report.add(path, span, { message: "a text must not hold a NUL character: no program can be given one" });
    return broken(span);
  }

  private alias(name: string, path: Path, span: Span): Node {
    const slot = this.anchors.get(name);
    if (slot?.node) {
      this.count += slot.size;
      return slot.node;
    }
    this.report.add(path, span, { message: slot ? `alias *${name} contains itself` : `unknown alias *${name}` });
    return broken(span);
  }

  private map(from: YAMLMap.Parsed, path: Path, span: Span): Mapping {
    const entries = new Map<string, Entry>();
    const merges: Node[] = [];
    for (const pair of from.items) {
      const keyAt = this.span(pair.key.range, span.start);
      const key = this.key(pair.key, path, keyAt);
      if (key === undefined) continue;
      const value = this.node(pair.value, [...path, key], keyAt.end);
      const earlier = entries.get(key);
      if (key === "<<" && isScalar(pair.key) && pair.key.type === "PLAIN") merges.push(value);
      else if (earlier) this.duplicate([...path, key], keyAt, earlier);
      else entries.set(key, { keyAt, value });
    }
    for (const merge of merges) this.merge(entries, merge, path);
    return { kind: "map", ...span, entries };
  }

  private key(key: ParsedNode, path: Path, at: Span): string | undefined {
    if (!isScalar(key)) {
      this.report.add(path, at, { message: "a key must be a plain word" });
      return undefined;
    }
    const name = typeof key.value === "string" ? key.value : (key.source ?? "");
    if (!FORBIDDEN_KEYS.has(name) && name !== "" && !name.includes("\0")) return name;
    this.report.add(path, at, { message: name === "" ? "a key must not be empty" : `the key ${JSON.stringify(name)} is not allowed` });
    return undefined;
  }

  private duplicate(path: Path, at: Span, earlier: Entry): void {
    const { line } = earlier.keyAt.file.locate(earlier.keyAt.start);
    this.report.add(path, at, { message: `duplicate key "${path.at(-1)}" (first on line ${line})` });
  }

  /** `<<: *base`: what the mapping itself says wins, then earlier bases over later ones. */
  private merge(entries: Map<string, Entry>, from: Node, path: Path): void {
    const bases = from.kind === "list" ? from.items : [from];
    for (const base of bases) {
      if (base.kind === "map") for (const [key, entry] of base.entries) if (!entries.has(key)) entries.set(key, entry);
      if (base.kind !== "map" && !isBroken(base)) this.report.add([...path, "<<"], base, { message: "<< merges mappings only" });
    }
  }

  private span(range: readonly number[] | null | undefined, near: number): Span {
    const start = Math.min(range?.[0] ?? near, this.file.text.length);
    return { file: this.file, start, end: range?.[1] ?? start };
  }

  private stop(path: Path, span: Span, message: string): Scalar {
    this.stopped = true;
    this.report.add(path.slice(0, 8), span, { message });
    return broken(span);
  }
}

function broken(span: Span): Scalar {
  return { kind: "scalar", ...span, value: null, text: "", broken: true };
}
