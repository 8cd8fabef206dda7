import type { Evidence } from "../finding.ts";
import { type FoundLine, linesLike } from "./entry.ts";

/** As many different lines of one kind are looked into: a program that is restarted says the same again and again. */
const MAX_LINES = 40;
/** Longer names are no names. */
const MAX_NAME_CHARS = 200;

/** Lines that match one of the patterns, the most telling text first and in it the last line; of equal ones the last. */
export function latestLike(evidence: Evidence, patterns: readonly RegExp[]): readonly FoundLine[] {
  const found = patterns.flatMap((pattern) => linesLike(evidence, pattern));
  const order = new Map(evidence.texts.map(({ lines }, index) => [lines, index]));
  const sorted = found.toSorted((a, b) => (order.get(a.lines) ?? 0) - (order.get(b.lines) ?? 0) || b.at - a.at);
  return [...new Map(sorted.toReversed().map((line) => [line.groups[0], line])).values()].toReversed().slice(0, MAX_LINES);
}

/** The group of the pattern that matched; cut, without quotes. */
export function nameIn({ groups }: FoundLine): string {
  const name = groups.slice(1).find((group) => group !== undefined) ?? "";
  return name.replace(/^['"`‘’“]+|['"`‘’”]+$/g, "").slice(0, MAX_NAME_CHARS);
}
