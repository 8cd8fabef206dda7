/** A member of a JSON object, with its place in the text (UTF-16 units). */
export interface Member {
  readonly name: string;
  /** Of the name's first quotation mark. */
  readonly start: number;
  readonly valueStart: number;
  /** Behind the value. */
  readonly end: number;
}

/** Of the object that begins at `start` (its brace); undefined where there is none. The text must be valid JSON: that is the caller's to see to. */
export function membersOf(text: string, start: number): readonly Member[] | undefined {
  if (text[start] !== "{") return undefined;
  const members: Member[] = [];
  let at = skipSpace(text, start + 1);
  while (text[at] === '"') {
    const nameEnd = stringEnd(text, at);
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = valueEnd(text, valueStart);
    members.push({ name: JSON.parse(text.slice(at, nameEnd)) as string, start: at, valueStart, end });
    at = skipSpace(text, end);
    if (text[at] !== ",") break;
    at = skipSpace(text, at + 1);
  }
  return members;
}

/** Where the first value of the text begins. */
export function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && " \t\r\n\uFEFF".includes(text.charAt(at))) at++;
  return at;
}

function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

function valueEnd(text: string, start: number): number {
  let at = start;
  let depth = 0;
  do {
    const char = text[at];
    if (char === '"') at = stringEnd(text, at);
    else {
      if (depth === 0 && (char === "," || char === "}" || char === "]")) return trimmedEnd(text, at);
      if (char === "{" || char === "[") depth++;
      if (char === "}" || char === "]") depth--;
      at++;
      if (depth === 0 && (char === "}" || char === "]")) return at;
    }
    if (depth === 0 && text[start] === '"') return at;
  } while (at < text.length);
  return at;
}

function trimmedEnd(text: string, end: number): number {
  return text.slice(0, end).trimEnd().length;
}
