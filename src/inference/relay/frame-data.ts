import type { Json } from "../../kernel/event.ts";

/** As HTML §9.2.6 has them. */
const LINE_END = /\r\n|\n|\r/;

/** The JSON of each of some whole frames; what cannot be read is left out. */
export function dataOf(frames: Uint8Array): Json[] {
  const text = Buffer.from(frames.buffer, frames.byteOffset, frames.byteLength).toString("utf8");
  const found: Json[] = [];
  let data: string[] = [];
  for (const line of text.split(LINE_END)) {
    if (line.startsWith("data:")) data.push(line.slice("data:".length));
    else if (line === "") {
      found.push(...jsonOf(data));
      data = [];
    }
  }
  return [...found, ...jsonOf(data)];
}

/** Data that stands on several lines is one text. */
function jsonOf(lines: readonly string[]): Json[] {
  if (lines.length === 0) return [];
  try {
    return [JSON.parse(lines.join("\n")) as Json];
  } catch {
    return [];
  }
}
