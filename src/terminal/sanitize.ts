/**
 * Terminal control in text that came from a service. Unlike a plain "strip ANSI" this also covers the 8-bit C1 forms and the string
 * sequences (OSC, DCS, APC, PM, SOS) that set titles, clipboards or answer queries; an unfinished one takes the rest of the line with it.
 */
const STRING_SEQUENCE = String.raw`(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$|(?=\x1b))`;
const CSI_SEQUENCE = String.raw`(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?`;
const OTHER_ESCAPE = String.raw`\x1b[ -/]*[0-~]?`;
const CONTROL = String.raw`[\x00-\x08\x0b-\x1f\x7f-\x9f]`;
/** They drive no terminal, but make it show text in another order than it is in: what somebody approves would not be what he reads. */
const DIRECTION = String.raw`[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]`;
const SEQUENCES = new RegExp(`${STRING_SEQUENCE}|${CSI_SEQUENCE}|${OTHER_ESCAPE}|${CONTROL}|${DIRECTION}`, "g");
const SGR = /^\x1b\[[0-9;:]*m$/; // oxlint-disable-line no-control-regex -- that is what is looked for
const RESET = "\x1b[0m";

/** Log text for a terminal: everything that drives it or turns its direction is gone, tab and newline stay; colours stay with `color` and are closed at the end. */
export function sanitizeText(text: string, options: { color?: boolean } = {}): string {
  let colored = false;
  const clean = text.replace(SEQUENCES, (found) => {
    if (!options.color || !SGR.test(found)) return "";
    colored = true;
    return found;
  });
  return colored ? clean + RESET : clean;
}

/** One line without control of any kind, for a table cell or a message. */
export function oneLine(text: string): string {
  return sanitizeText(text).replace(/[\n\t]+/g, " ");
}

const TAB_STOP = 8;
const ASCII = /^[ -~]*$/;

/** Tabs as the blanks a terminal would leave for them when the text began at a tab stop. */
export function expandTabs(text: string): string {
  if (!text.includes("\t")) return text;
  return text.split("\t").reduce((line, part) => line + " ".repeat(TAB_STOP - (Bun.stringWidth(line) % TAB_STOP)) + part);
}

/** At most `columns` wide on a terminal, ended by `…` where something was cut. `text` is already clean. */
export function fit(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text;
  if (columns < 1) return "";
  if (ASCII.test(text)) return `${text.slice(0, columns - 1)}…`;
  let out = "";
  let width = 1;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    const next = width + Bun.stringWidth(segment);
    if (next > columns) break;
    out += segment;
    width = next;
  }
  return `${out}…`;
}
