/** What one frame of an event stream says. */
export interface FrameText {
  /** Undefined: a comment, or nothing. */
  readonly data: string | undefined;
  /** "" when it has none. */
  readonly event: string;
}

const DATA = "data:";
const BLANK_LINE = "\n\n";
const LINE_END = /\r\n|\n|\r/;

/** `text`: one whole frame. */
export function readFrame(text: string): FrameText {
  const line = text.length - BLANK_LINE.length;
  // As nearly all engines write nearly all frames.
  if (text.startsWith(DATA) && text.indexOf("\n") === line && text.endsWith(BLANK_LINE) && !text.includes("\r"))
    return { data: text.slice(text[DATA.length] === " " ? DATA.length + 1 : DATA.length, line), event: "" };
  return readLines(text);
}

function readLines(text: string): FrameText {
  let data: string | undefined;
  let event = "";
  for (const line of text.split(LINE_END)) {
    const colon = line.indexOf(":");
    const name = colon === -1 ? line : line.slice(0, colon);
    if (name !== "data" && name !== "event") continue;
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "event") event = value;
    else data = data === undefined ? value : `${data}\n${value}`;
  }
  return { data, event };
}
