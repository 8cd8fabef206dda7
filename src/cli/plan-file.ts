import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments, type ParsedNode } from "yaml";
import { type Diagnostic, fileTrouble, OrcoError } from "../kernel/errors.ts";
import type { Context } from "./context.ts";
import { pointersOf, usageError } from "./exit.ts";

const MAX_ALIASES = 100;

/** Fields of a request that may stand beside the steps of a plan. */
const OF_REQUEST = new Set(["name", "metadata", "input", "concurrency_key", "concurrency", "priority", "timeout_ms", "webhook"]);

/** A file with a plan, or with the whole body of `POST /runs`. */
export interface PlanFile {
  readonly request: Record<string, unknown>;
  /** What the daemon says of the request, with the lines of the file. */
  readonly placed: (error: unknown) => unknown;
}

interface Source {
  /** For people. */
  readonly name: string;
  readonly text: string;
}

interface Parsed {
  readonly value: unknown;
  readonly root: ParsedNode | null;
  readonly lines: LineCounter;
}

/** YAML or JSON; `-` is standard input. Errors: usage. */
export function readPlanFile(context: Context, file: string): PlanFile {
  const source = { name: file === "-" ? "standard input" : file, text: textOf(context, file) };
  const parsed = parsedOf(source);
  const fields = fieldsOf(parsed.value, source.name);
  const isPlan = "steps" in fields;
  return { request: isPlan ? ofPlan(fields) : fields, placed: (error) => placedIn({ source, parsed, isPlan }, error) };
}

function textOf({ io }: Context, file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : resolve(io.cwd, file), "utf8");
  } catch (error) {
    throw usageError(`${file}: ${fileTrouble(error)}`);
  }
}

function parsedOf({ name, text }: Source): Parsed {
  const lines = new LineCounter();
  const [document, another] = parseAllDocuments(text, { uniqueKeys: true, lineCounter: lines });
  if (another) throw usageError(`${name}: there is more than one document in it; a plan is one`);
  const [wrong] = document?.errors ?? [];
  if (wrong) throw usageError(`${name}: ${wrong.message.split("\n")[0]?.replace(/:$/, "") ?? "it is no YAML"}`);
  try {
    return { value: document?.toJS({ maxAliasCount: MAX_ALIASES }) ?? null, root: document?.contents ?? null, lines };
  } catch {
    throw usageError(`${name}: its aliases (*name) would make more than ${MAX_ALIASES} times of what they stand for`);
  }
}

function fieldsOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const fields = value as Record<string, unknown>;
    const strange = Object.keys(fields).find((key) => !OF_REQUEST.has(key));
    if ("steps" in fields || "plan" in fields || "external" in fields || strange === undefined) return fields;
    throw usageError(`${name}: a plan is a mapping with steps; this one has ${JSON.stringify(strange)}, and no steps`);
  }
  const found = value === null ? "there is nothing" : `this is ${Array.isArray(value) ? "a list" : `a ${typeof value}`}`;
  throw usageError(`${name}: a plan is a mapping with steps; ${found}`);
}

function ofPlan(fields: Record<string, unknown>): Record<string, unknown> {
  const [request, plan]: Record<string, unknown>[] = [{}, {}];
  for (const [key, value] of Object.entries(fields)) Object.assign((OF_REQUEST.has(key) ? request : plan) ?? {}, { [key]: value });
  return { ...request, plan };
}

function placedIn(file: { source: Source; parsed: Parsed; isPlan: boolean }, error: unknown): unknown {
  if (!(error instanceof OrcoError) || error.code !== "invalid") return error;
  const found = pointersOf(error.facts).map((one) => diagnosticOf(file, one));
  const diagnostics = found.filter((one) => one !== undefined);
  const isPlaced = diagnostics.length > 0 && diagnostics.length === found.length;
  const message = (isPlaced ? diagnostics[0]?.message : undefined) ?? error.message;
  return new OrcoError("invalid", message, { ...error.facts, usage: true, ...(isPlaced && { diagnostics }) });
}

/** Where a finding is in the file; undefined when it is of what an option said. */
function diagnosticOf(
  { source, parsed, isPlan }: { source: Source; parsed: Parsed; isPlan: boolean },
  { pointer, detail }: { pointer: string; detail: string },
): Diagnostic | undefined {
  // That of a schedule has the request in `run`.
  const parts = pointer
    .replace(/^\/run\//, "/")
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const shown = parts[0] === "plan" ? parts.slice(1) : parts;
  const offset = offsetOf(parsed.root, isPlan ? shown : parts);
  if (offset === undefined) return undefined;
  const { line, col } = parsed.lines.linePos(offset);
  const text = source.text.split("\n")[line - 1];
  const path = shown.join(".");
  const message = [path, detail].filter(Boolean).join(" ");
  return { severity: "error", file: source.name, line, column: col, path, message, ...(text !== undefined && { source: text }) };
}

/** Of the deepest part of `path` that is there; undefined when nothing is. */
function offsetOf(root: ParsedNode | null, path: readonly string[]): number | undefined {
  let node: unknown = root;
  let offset: number | undefined;
  for (const part of path) {
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && String(key.value) === part) : undefined;
    const place = isSeq(node) ? node.items[Number(part)] : pair?.key;
    if (!isNode(place)) break;
    offset = place.range?.[0] ?? offset;
    node = pair ? pair.value : place;
  }
  return offset;
}
