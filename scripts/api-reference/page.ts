import { type ErrorCode, ERROR_CODES } from "../../src/kernel/errors.ts";
import { statusOf } from "../../src/http/problem.ts";
import { type Document, type Found, operationsOf } from "./document.ts";
import { answerTable, requestTables } from "./fields.ts";
import type { Reference } from "./references.ts";

const REFUSAL = /^- (\d{3}) `(\w+)`/;
const MADE_BY = "Written by `node scripts/bun.mjs scripts/api-reference.ts` from the OpenAPI document and";

/**
 * The page: its notes with, under each heading that is the id of an operation, what the document says of it: method and path, parameters, body, answers.
 * Throws when an operation has no notes, notes have no operation, or a refusal is named with a status that is not its code's.
 */
export function apiReference(document: Document, notes: string, { notes: from, subject }: Reference): string {
  const operations = new Map(operationsOf(document, subject).map((operation) => [operation.operationId, operation]));
  const parts = notes.split(/^## /m);
  const [opening = "", ...sections] = parts;
  const written = sections.map((section) => {
    const id = section.slice(0, section.indexOf("\n"));
    const operation = operations.get(id);
    if (!operation) throw new Error(`${from}: there is no operation ${id}`);
    operations.delete(id);
    return sectionOf(document, operation, section.slice(id.length).trim());
  });
  if (operations.size > 0) throw new Error(`${from} says nothing of ${[...operations.keys()].join(", ")}`);
  assertStatuses(notes, from);
  const [title = "", ...rest] = opening.split("\n");
  return `${title}\n\n<!-- ${MADE_BY} ${from}. -->\n${[rest.join("\n").trimEnd(), ...written].map(chapters).join("\n\n")}\n`;
}

function sectionOf(document: Document, operation: Found, notes: string): string {
  const { method, path, summary } = operation;
  const refusals = notes.split("\n").findIndex((line) => REFUSAL.test(line));
  const example = notes.search(/^```/m);
  const ends = [refusals < 0 ? notes.length : offsetOf(notes, refusals), example < 0 ? notes.length : example];
  const told = notes.slice(0, Math.min(...ends)).trim();
  const rest = notes.slice(Math.min(...ends)).trim();
  const blocks = [`### ${method} ${path}`, `${summary}.`, told, ...requestTables(document, operation), answerTable(operation), rest];
  return blocks.filter((block) => block !== "").join("\n\n");
}

function offsetOf(text: string, line: number): number {
  return text.split("\n").slice(0, line).join("\n").length;
}

/** Chapters of the notes are one level below the title of the page. */
function chapters(text: string): string {
  let isFenced = false;
  const lines = text.split("\n").map((line) => {
    if (line.startsWith("```")) isFenced = !isFenced;
    return !isFenced && line.startsWith("# ") ? `#${line}` : line;
  });
  return lines.join("\n");
}

function assertStatuses(notes: string, from: string): void {
  for (const line of notes.split("\n")) {
    const [, status, code] = REFUSAL.exec(line) ?? [];
    if (code === undefined) continue;
    if (!ERROR_CODES.some((known) => known === code)) throw new Error(`${from}: there is no code ${code}`);
    if (statusOf(code as ErrorCode) !== Number(status))
      throw new Error(`${from}: ${code} is ${statusOf(code as ErrorCode)}, not ${status}`);
  }
}
