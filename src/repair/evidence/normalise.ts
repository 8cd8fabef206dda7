import { withoutControl } from "../../kernel/plain-text.ts";

/** Introducers of one byte (ECMA-48, C1) as the two that everything else is written with. */
const C1: Readonly<Record<string, string>> = {
  "\u0090": "\u001bP",
  "\u0098": "\u001bX",
  "\u009b": "\u001b[",
  "\u009c": "\u001b\\",
  "\u009d": "\u001b]",
  "\u009e": "\u001b^",
  "\u009f": "\u001b_",
};
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) /;
/** `api-1  | ` of compose v2, `api_1  | ` of v1; with the project in front where it has one. */
const COMPOSE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,200}[-_]\d{1,5} {1,200}\|(?: |$)/;
/** `#12 `, and how long the step has taken so far. */
const VERTEX = /^#\d{1,6} (?:\d{1,7}\.\d{1,3} )?/;
/** `[builder 3/5] `, `[linux/amd64 builder 3/5] `. */
const STAGE = /^\[(?:[a-z0-9]+\/[a-z0-9/]+(?:->[a-z0-9/]+)? )?(?:[A-Za-z0-9_.-]+ )?\d{1,4}\/\d{1,4}\] /;
/** BuildKit's summary of what failed: this line, then its last output between two rules. */
const SUMMARY = /^ ?> \[/;
const SUMMARY_OUTPUT = /^(?:#\d{1,6} )?\d{1,7}\.\d{1,3} /;
const RULE = /^-{4,}$/;
/** Where two redraws of a progress bar meet. */
const REDRAW = "\r";
/** Most lines: nothing to take out. */
const PLAIN = /^[ -~]*$/;

/** What a person saw of a line in the end: no escapes, no control characters, only the last of what was drawn over it. */
export function asSeen(raw: string): string {
  if (PLAIN.test(raw)) return raw.trimEnd();
  const text = withoutControl(redrawn(raw).replace(/[\u0090\u0098\u009b-\u009f]/g, (char) => C1[char] ?? ""));
  return text.trimEnd();
}

function redrawn(raw: string): string {
  if (!raw.includes(REDRAW)) return raw;
  return raw.split(REDRAW).findLast((piece) => piece.trim() !== "") ?? "";
}

/** Takes what docker, compose and BuildKit put in front of lines off them, one after another; each line stays one. */
export class Prefixes {
  private inSummary = false;

  /** Of a line as seen. */
  readonly strip = (seen: string): string => {
    const text = withoutLogPrefixes(seen);
    if (RULE.test(text)) this.inSummary = false;
    if (SUMMARY.test(text)) {
      this.inSummary = true;
      return text.replace(/^ ?> /, "").replace(STAGE, "");
    }
    const own = this.inSummary ? text.replace(SUMMARY_OUTPUT, "") : text;
    return own.replace(VERTEX, "").replace(STAGE, "");
  };
}

/** Without compose's names and docker's times, in either order: `docker compose logs -t` has both. */
export function withoutLogPrefixes(seen: string): string {
  return seen.replace(TIMESTAMP, "").replace(COMPOSE, "").replace(TIMESTAMP, "");
}
