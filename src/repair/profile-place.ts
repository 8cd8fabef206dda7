import { type Document, isAlias, isCollection, isMap, isScalar, LineCounter, parseDocument } from "yaml";
import { type Diagnostic, OrcoError } from "../kernel/errors.ts";

const MAX_SOURCE_LINE = 1000;
const MAX_YAML_PROBLEMS = 20;

/** A YAML text whose values know their lines. */
export interface Place {
  readonly text: string;
  readonly file: string;
  readonly counter: LineCounter;
  readonly document: Document.Parsed;
}

/** Throws `invalid` for what is no YAML. */
export function placesIn(text: string, file: string): Place {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, logLevel: "silent" });
  const place: Place = { text, file, counter, document };
  const broken = document.errors
    .slice(0, MAX_YAML_PROBLEMS)
    .map(({ message, pos }) => diagnosticAt(place, { at: pos[0], path: "", message }));
  if (broken.length > 0) throw refusedFor(broken);
  return place;
}

/** Throws `invalid` for aliases that grow beyond measure. */
export function contentOf(place: Place): unknown {
  try {
    return place.document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (error) {
    throw refusedFor([diagnosticAt(place, { at: 0, path: "", message: error instanceof Error ? error.message : String(error) })]);
  }
}

/** Where the value, or its key, begins; of what is not there, where its mapping does. */
export function startOf({ document }: Place, path: readonly string[], wantsKey = false): number {
  let node: unknown = document.contents;
  let start = 0;
  for (const [index, part] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    if (!isCollection(node)) break;
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && String(key.value) === part) : undefined;
    const key = pair?.key;
    start = (isScalar(key) ? key.range?.[0] : undefined) ?? start;
    node = pair ? pair.value : isMap(node) ? undefined : node.items[Number(part)];
    const isLast = index === path.length - 1;
    if (!(isLast && wantsKey)) start = rangeStart(node) ?? start;
  }
  return start;
}

function rangeStart(node: unknown): number | undefined {
  return (node as { range?: readonly number[] | null } | undefined)?.range?.[0];
}

export function diagnosticAt(
  { text, file, counter }: Place,
  { at, ...found }: { at: number; path: string; message: string; hint?: string },
): Diagnostic {
  const { line, col } = counter.linePos(Math.min(at, text.length));
  const source = text.split("\n")[line - 1]?.replace(/\r$/, "").slice(0, MAX_SOURCE_LINE);
  return { severity: "error", file, line: Math.max(1, line), column: Math.max(1, col), ...found, ...(source !== undefined && { source }) };
}

/** The first of them in the message, all of them in `diagnostics`. */
export function refusedFor(diagnostics: readonly Diagnostic[]): OrcoError {
  const [first] = diagnostics;
  const more = diagnostics.length > 1 ? ` (and ${diagnostics.length - 1} more)` : "";
  const hint = first?.hint === undefined ? "" : `, ${first.hint}`;
  return new OrcoError("invalid", `${first?.file}:${first?.line}:${first?.column}: ${first?.message}${hint}${more}`, { diagnostics });
}
