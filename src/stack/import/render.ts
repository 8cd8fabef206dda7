import {
  Document,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node as YamlNode,
  type Pair,
  Scalar,
  visit,
  type YAMLMap,
} from "yaml";
import { formatPath, type Path } from "../load/source.ts";
import type { Kept } from "./ledger.ts";

const ORDER = [
  ["image", "build", "pull", "entrypoint", "command", "workdir", "user", "init", "env", "envFromFile", "secrets", "ports", "volumes"],
  [
    "dependsOn",
    "health",
    "replicas",
    "restartPolicy",
    "update",
    "stop",
    "resources",
    "ulimits",
    "hooks",
    "logging",
    "labels",
    "profiles",
    "watch",
  ],
].flat();
/** What drives a terminal or turns the direction of its text, and YAML would write as it is. */
const UNSEEN = /[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const FLOW_COLUMNS = 100;
const COMMENT_COLUMNS = 120;
const ON_ONE_LINE = new Set(["command", "entrypoint", "preStart", "postStart", "preStop", "ulimits"]);

/** Fields of a service in the order people read them. */
export function ordered(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(ORDER.filter((key) => !isEmpty(fields[key])).map((key) => [key, fields[key]]));
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
}

/** The stack as YAML, with a comment wherever it says something else than the source. */
export function renderStack(stack: unknown, { from, lines }: { from: string; lines: readonly Kept[] }): string {
  const document = new Document(stack);
  const root = document.contents;
  if (!isMap(root)) return "";
  shorten(document);
  for (const [place, reasons] of commentsOf(lines)) comment(root, place, reasons);
  for (const [service, keys] of leftOut(lines)) comment(root, ["services", service], [`left out: ${keys.join(", ")}`]);
  document.commentBefore = ` Made of ${from} by orco import compose. Comments say where orco does something else.`;
  return document.toString({ lineWidth: 0, flowCollectionPadding: true }).replace(UNSEEN, escaped);
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function shorten(document: Document): void {
  visit(document, {
    Pair(_, { key, value }) {
      const name = isScalar(key) ? String(key.value) : "";
      if (isCollection(value) && ON_ONE_LINE.has(name)) flow(value);
      if (name === "dependsOn" && isSeq(value)) for (const item of value.items) if (isMap(item)) item.flow = true;
      if (name === "ports" && isSeq(value)) for (const item of value.items) if (isScalar(item)) item.type = Scalar.QUOTE_DOUBLE;
      if (name === "volumes" && isSeq(value)) for (const item of value.items) if (isMap(item)) item.flow = true;
    },
    Scalar(_, node) {
      if (typeof node.value !== "string") return;
      if (node.value.search(UNSEEN) >= 0) node.type = Scalar.QUOTE_DOUBLE;
      else if (node.value.includes("\n")) node.type = Scalar.BLOCK_LITERAL;
    },
  });
}

function flow(value: YamlNode & { flow?: boolean }): void {
  const text = JSON.stringify(value.toJSON?.() ?? value);
  if (text.length <= FLOW_COLUMNS && !text.includes("\\n")) value.flow = true;
}

/** By place in the result, each with its reasons once. */
function commentsOf(lines: readonly Kept[]): [Path, string[]][] {
  const found = new Map<string, { place: Path; reasons: Set<string> }>();
  for (const { action, to, reasons, notable } of lines) {
    if (!to || (action !== "changed" && !notable)) continue;
    const key = formatPath(to);
    const place = found.get(key) ?? { place: to, reasons: new Set() };
    found.set(key, place);
    for (const one of reasons) place.reasons.add(one);
  }
  return [...found.values()].map(({ place, reasons }) => [place, [...reasons]]);
}

/** By service of the result, what of the source has no place there. */
function leftOut(lines: readonly Kept[]): Map<string, string[]> {
  const names = new Map(
    lines.flatMap(({ at, to }) =>
      at[0] === "services" && to?.[0] === "services" && to[1] !== undefined ? [[String(at[1]), String(to[1])]] : [],
    ),
  );
  const found = new Map<string, string[]>();
  for (const { at, action } of lines) {
    if (action !== "dropped" || at[0] !== "services" || at.length < 3) continue;
    const name = names.get(String(at[1])) ?? String(at[1]);
    found.set(name, [...(found.get(name) ?? []), formatPath(at.slice(2))]);
  }
  return found;
}

/** Before the key or the item that stands at `place`, or at the nearest one above it that can have a comment. */
function comment(root: YAMLMap, place: Path, reasons: readonly string[]): void {
  let at: unknown = root;
  let target: YamlNode | undefined;
  for (const part of place) {
    if (!isCollection(at) || at.flow === true) break;
    if (isSeq(at)) at = at.items[Number(part)];
    else if (isMap(at)) {
      const pair: Pair | undefined = at.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair && isNode(pair.key)) target = pair.key;
      at = pair?.value;
    }
    if (isNode(at) && typeof part === "number") target = at;
    if (at === undefined) break;
  }
  if (!target) return;
  const text = reasons.flatMap((reason) => wrapped(reason)).map((line) => ` ${line}`);
  target.commentBefore = [target.commentBefore, ...text].filter((line) => line !== undefined && line !== null).join("\n");
}

function wrapped(text: string): string[] {
  const lines = [""];
  for (const word of text.replace(/\s+/g, " ").split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && last.length + word.length + 1 > COMMENT_COLUMNS) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}
