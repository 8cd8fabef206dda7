import type { LogLine } from "../ports.ts";

/** Of one record: whoever reads a log holds whole records. */
export const MAX_RECORD_CHARS = 64 * 1024;

/** A line that is too long, as several; the last one alone says how far its output was read, so that one cut off by a crash is told again. */
export function piecesOf(line: LogLine): readonly LogLine[] {
  if (line.message.length <= MAX_RECORD_CHARS) return [line];
  const { offset, message, ...about } = line;
  const texts = textsOf(message);
  return texts.map((text, at) => ({ ...about, message: text, ...(offset !== undefined && at === texts.length - 1 && { offset }) }));
}

function textsOf(message: string): string[] {
  const texts: string[] = [];
  for (let from = 0; from < message.length;) {
    const most = from + MAX_RECORD_CHARS;
    const to = most < message.length && isLead(message.charCodeAt(most - 1)) ? most - 1 : most;
    texts.push(message.slice(from, to));
    from = to;
  }
  return texts;
}

/** The first half of a character outside the basic plane. */
function isLead(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}
