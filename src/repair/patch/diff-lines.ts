import { diffArrays } from "diff";

/** With more differences than this, all lines between the first and the last of them are replaced: finding fewer would take seconds. */
const MAX_EDITS = 2000;
const CONTEXT = 3;

/** One line of a hunk; the text holds its line break, if it has one. */
export interface HunkLine {
  readonly op: " " | "-" | "+";
  readonly text: string;
}

/** Starts count from 1; where a side has no lines, its start is the line before. */
export interface Hunk {
  readonly oldStart: number;
  readonly newStart: number;
  readonly lines: readonly HunkLine[];
}

/** Lines with their breaks; only \n breaks a line, as for git. */
export function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** Hunks with three lines around each change, as git makes them. */
export function hunksOf(before: string, after: string): Hunk[] {
  return grouped(script(linesOf(before), linesOf(after)));
}

function script(before: readonly string[], after: readonly string[]): HunkLine[] {
  const limit = Math.min(before.length, after.length);
  let head = 0;
  while (head < limit && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < limit - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  const [old, young] = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)];
  const kept = (lines: readonly string[]): HunkLine[] => lines.map((text) => ({ op: " ", text }));
  return [...kept(before.slice(0, head)), ...edits(old, young), ...kept(before.slice(before.length - tail))];
}

function edits(old: string[], young: string[]): HunkLine[] {
  const found = diffArrays(old, young, { maxEditLength: MAX_EDITS });
  if (!found) return [...marked("-", old), ...marked("+", young)];
  return removedFirst(found.flatMap(({ added, removed, value }) => marked(added ? "+" : removed ? "-" : " ", value)));
}

function marked(op: HunkLine["op"], lines: readonly string[]): HunkLine[] {
  return lines.map((text) => ({ op, text }));
}

/** Between two lines that stay, what goes stands before what comes. */
function removedFirst(lines: readonly HunkLine[]): HunkLine[] {
  const out: HunkLine[] = [];
  const added: HunkLine[] = [];
  for (const line of lines) {
    if (line.op === "+") added.push(line);
    else if (line.op === "-") out.push(line);
    else out.push(...added.splice(0), line);
  }
  return [...out, ...added];
}

function grouped(lines: readonly HunkLine[]): Hunk[] {
  const hunks: Hunk[] = [];
  let [at, old, young] = [0, 0, 0];
  for (const [from, to] of spans(lines)) {
    // What lies between two hunks stays: it counts on both sides.
    old += from - at;
    young += from - at;
    const own = lines.slice(from, to);
    const [olds, youngs] = [own.filter(({ op }) => op !== "+").length, own.filter(({ op }) => op !== "-").length];
    hunks.push({ oldStart: olds === 0 ? old : old + 1, newStart: youngs === 0 ? young : young + 1, lines: own });
    [at, old, young] = [to, old + olds, young + youngs];
  }
  return hunks;
}

function spans(lines: readonly HunkLine[]): [number, number][] {
  const out: [number, number][] = [];
  for (const [index, { op }] of lines.entries()) {
    if (op === " ") continue;
    const [from, to] = [Math.max(0, index - CONTEXT), Math.min(lines.length, index + 1 + CONTEXT)];
    const last = out.at(-1);
    if (last && from <= last[1]) last[1] = to;
    else out.push([from, to]);
  }
  return out;
}
