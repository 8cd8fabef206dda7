/** How git writes a path in a diff: in quotes, C-style, when it holds a quote, a backslash, a control character or anything beyond ASCII. */

const LETTERS: Readonly<Record<string, string>> = {
  "\u0007": "a",
  "\b": "b",
  "\t": "t",
  "\n": "n",
  "\v": "v",
  "\f": "f",
  "\r": "r",
  '"': '"',
  "\\": "\\",
};
const CHARACTERS = new Map(Object.entries(LETTERS).map(([character, letter]) => [letter, character]));

export function quotedPath(path: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is quoted
  if (!/["\\\u0000-\u001f\u007f-\uffff]/.test(path)) return path;
  const written = Array.from(Buffer.from(path), (byte) => {
    const letter = LETTERS[String.fromCharCode(byte)];
    if (letter !== undefined) return `\\${letter}`;
    return byte < 0x20 || byte >= 0x7f ? `\\${byte.toString(8).padStart(3, "0")}` : String.fromCharCode(byte);
  });
  return `"${written.join("")}"`;
}

/** The path at the beginning of the text and what follows its closing quote; undefined where there is none in quotes. */
export function unquotedPath(text: string): { readonly path: string; readonly rest: string } | undefined {
  const [whole, inner] = /^"((?:[^"\\]|\\(?:[abtnvfr"\\]|[0-3][0-7]{2}))*)"/.exec(text) ?? [];
  if (whole === undefined || inner === undefined) return undefined;
  const parts = inner.match(/\\[0-3][0-7]{2}|\\[^]|[^\\]+/g) ?? [];
  const bytes = Buffer.concat(parts.map(bytesOf));
  return { path: bytes.toString("utf8"), rest: text.slice(whole.length) };
}

function bytesOf(part: string): Buffer {
  if (!part.startsWith("\\")) return Buffer.from(part);
  const code = part.slice(1);
  return code.length === 3 ? Buffer.from([Number.parseInt(code, 8)]) : Buffer.from(CHARACTERS.get(code) ?? "");
}
