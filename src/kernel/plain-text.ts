/** Terminal sequences whole, then what else is not text: control characters, and the marks that turn the direction of reading. */
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]?|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~]?)/g; // oxlint-disable-line no-control-regex -- they are what is taken out
const CONTROL = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/gu;
const CONTROL_BUT_BREAKS = /[^\P{Cc}\t\n]|[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/gu;

/** Foreign text that drives no terminal and forges no log line; blanks at its ends stay. Breaks and tabs become spaces. */
export function withoutControl(text: string): string {
  return text
    .replace(ESCAPES, "")
    .replace(/[\t\r\n\v\f\u0085\u2028\u2029]+/g, " ")
    .replace(CONTROL, "");
}

/** The same, trimmed and cut. */
export function plainLine(text: string, maxLength = Infinity): string {
  return cut(withoutControl(text).trim(), maxLength);
}

/** Foreign text of several lines: line breaks and tabs stay. */
export function plainText(text: string, maxLength = Infinity): string {
  const lines = text.replace(ESCAPES, "").replaceAll(/\r\n?/g, "\n").replace(CONTROL_BUT_BREAKS, "").trim();
  return cut(lines, maxLength);
}

/** Never between the two halves of a character. */
function cut(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const kept = text.slice(0, maxLength - 1);
  return `${/[\ud800-\udbff]$/.test(kept) ? kept.slice(0, -1) : kept}…`;
}
