import type { Diagnosis, Evidence, EvidenceText, FailingStep, Source } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";

/** One entry of the catalogue (repair.md): pure, from what is seen to what mends it. */
export interface Entry {
  readonly id: number;
  /** First part of its signatures, e.g. `python-module-missing`. */
  readonly slug: string;
  /** For the page of the catalogue. */
  readonly title: string;
  /** What it may come to, and when; for the page. */
  readonly verdicts: string;
  /** A line it is known by; for the page. */
  readonly example: string;
  readonly match: (evidence: Evidence, snapshot: ServiceSnapshot) => Diagnosis | undefined;
}

export interface FoundLine {
  readonly source: Source;
  /** In the whole text, from 1. */
  readonly number: number;
  readonly text: string;
  readonly groups: RegExpExecArray;
  /** Position in `lines` of its text, for what stands around it. */
  readonly at: number;
  readonly lines: readonly string[];
  readonly failing?: FailingStep;
}

/** Longer lines are looked at up to here: a pattern must not be given a megabyte. */
const MAX_LINE_CHARS = 4000;

/** Every line that matches, the most telling text first. The pattern must be linear: no nested repetition. */
export function linesLike(evidence: Evidence, pattern: RegExp, sources?: readonly Source[]): FoundLine[] {
  return evidence.texts
    .filter(({ source }) => sources === undefined || sources.includes(source))
    .flatMap((text) => text.lines.flatMap((line, at) => foundIn(text, line, { at, pattern })));
}

/** The last such line of the most telling text that has one: what a program says last is what it died of. */
export function lastLike(evidence: Evidence, pattern: RegExp, sources?: readonly Source[]): FoundLine | undefined {
  const [first, ...rest] = linesLike(evidence, pattern, sources);
  return first && ([first, ...rest].filter(({ lines }) => lines === first.lines).at(-1) ?? first);
}

/** `build:41: ModuleNotFoundError: …`, as findings carry it. */
export function evidenceLine({ source, number, text }: Pick<FoundLine, "source" | "number" | "text">): string {
  return `${source}:${number}: ${text.slice(0, 500)}`;
}

function foundIn(text: EvidenceText, line: string, { at, pattern }: { at: number; pattern: RegExp }): FoundLine[] {
  const groups = pattern.exec(line.slice(0, MAX_LINE_CHARS));
  if (!groups) return [];
  const { source, firstLine, lines, failing } = text;
  return [{ source, number: firstLine + at, text: line, groups, at, lines, ...(failing && { failing }) }];
}
