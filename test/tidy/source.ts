import { parseSync } from "oxc-parser";
import { type Node, nodesIn } from "./node.ts";
import { importOf } from "./imports.ts";

/** What the tidy rules look at in one file. Lines count from 1. */
export interface Source {
  /** Relative to the repository, e.g. `src/kernel/clock.ts`. */
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  readonly functions: readonly Fn[];
  readonly classes: readonly Class[];
  /** `catch {}` without so much as a comment saying why. */
  readonly emptyCatches: readonly number[];
  /** `let` at module level. */
  readonly moduleLets: readonly number[];
  /** Waits by the wall clock: `setTimeout(`, `sleep(`, `Bun.sleep(`. */
  readonly sleeps: readonly number[];
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `import type`, `export type … from`, `import("…").T`, or only `type` names in the braces. */
  readonly typeOnly: boolean;
}

export interface Fn {
  readonly line: number;
  readonly lines: number;
  /** Those a caller must give. */
  readonly parameters: number;
}

export interface Class {
  readonly name: string;
  readonly line: number;
  readonly mutableFields: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer I)[] ? I[] : T[K] };
type LineAt = (offset: number) => number;

const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);
const SLEEPS = new Set(["setTimeout", "sleep", "Bun.sleep", "Bun.sleepSync"]);

export function readSource(path: string, text: string): Source {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const lineAt = lineIndex(text);
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  const found: Mutable<Source> = { path, lines, imports: [], functions: [], classes: [], emptyCatches: [], moduleLets: [], sleeps: [] };
  for (const statement of nodesIn(program.body)) if (isModuleLet(statement)) found.moduleLets.push(lineAt(statement.start));
  walk(program, undefined, (node, parent) => {
    const imported = importOf(node);
    if (imported) found.imports.push({ ...imported, line: lineAt(node.start) });
    if (FUNCTIONS.has(node.type) && !isDescribe(parent)) found.functions.push(measure(node, lineAt));
    if (node.type === "ClassDeclaration") found.classes.push(classOf(node, lineAt));
    if (isEmptyCatch(node, text)) found.emptyCatches.push(lineAt(node.start));
    if (node.type === "CallExpression" && SLEEPS.has(calleeOf(node))) found.sleeps.push(lineAt(node.start));
  });
  return found;
}

function walk(value: unknown, parent: Node | undefined, visit: (node: Node, parent: Node | undefined) => void): void {
  for (const node of nodesIn(value)) {
    visit(node, parent);
    for (const field of Object.values(node)) walk(field, node, visit);
  }
}

function lineIndex(text: string): LineAt {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
}

function measure(node: Node, lineAt: LineAt): Fn {
  const line = lineAt(node.start);
  return { line, lines: lineAt(node.end - 1) - line + 1, parameters: nodesIn(node["params"]).filter(isRequired).length };
}

function isRequired(parameter: Node): boolean {
  const [declared] = parameter.type === "TSParameterProperty" ? nodesIn(parameter["parameter"]) : [parameter];
  return declared?.type !== "AssignmentPattern" && declared?.type !== "RestElement" && declared?.["optional"] !== true;
}

/** The callback of `describe(…)` groups tests; each test in it is measured. */
function isDescribe(parent: Node | undefined): boolean {
  return parent?.type === "CallExpression" && calleeOf(parent).split(".")[0] === "describe";
}

function calleeOf(call: Node): string {
  const [callee] = nodesIn(call["callee"]);
  if (callee?.type === "Identifier") return String(callee["name"]);
  if (callee?.type === "CallExpression") return calleeOf(callee);
  if (callee?.type !== "MemberExpression") return "";
  const [object] = nodesIn(callee["object"]);
  const [property] = nodesIn(callee["property"]);
  return `${String(object?.["name"])}.${String(property?.["name"])}`;
}

function isEmptyCatch(node: Node, text: string): boolean {
  if (node.type !== "CatchClause") return false;
  const [body] = nodesIn(node["body"]);
  return body !== undefined && /^\{\s*\}$/.test(text.slice(body.start, body.end));
}

function isModuleLet(statement: Node): boolean {
  const [inner] = statement.type === "ExportNamedDeclaration" ? nodesIn(statement["declaration"]) : [statement];
  return inner?.type === "VariableDeclaration" && inner["kind"] === "let" && inner["declare"] !== true;
}

function classOf(node: Node, lineAt: LineAt): Class {
  const [id] = nodesIn(node["id"]);
  const [body] = nodesIn(node["body"]);
  const members = nodesIn(body?.["body"]);
  const fields = members.filter((member) => member.type === "PropertyDefinition" && member["readonly"] !== true);
  const [constructor] = members.filter((member) => member["kind"] === "constructor");
  const [made] = nodesIn(constructor?.["value"]);
  const parameters = nodesIn(made?.["params"]).filter((each) => each.type === "TSParameterProperty" && each["readonly"] !== true);
  return { name: String(id?.["name"]), line: lineAt(node.start), mutableFields: fields.length + parameters.length };
}
