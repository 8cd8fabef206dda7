/** The line end a text uses: that of its first line. */
export function eolOf(text: string): "\n" | "\r\n" {
  const at = text.indexOf("\n");
  return at > 0 && text[at - 1] === "\r" ? "\r\n" : "\n";
}

/** `line` as a last line, ended as the others are; where the text did not end its last line, the new one is not ended either. */
export function appendLine(text: string, line: string): string {
  if (text === "") return `${line}\n`;
  const eol = eolOf(text);
  return text.endsWith("\n") ? `${text}${line}${eol}` : `${text}${eol}${line}`;
}

/** A part of a text, replaced: `start` up to `end`, in UTF-16 units. */
export function splice(text: string, { start, end }: { readonly start: number; readonly end: number }, by: string): string {
  return `${text.slice(0, start)}${by}${text.slice(end)}`;
}

/** Where a version stands within a part of a text, last place first; not as a part of a longer one. -1 where it does not. */
export function versionAt(text: string, { start, end }: { readonly start: number; readonly end: number }, version: string): number {
  const part = /[\w.+!]/;
  for (let at = text.lastIndexOf(version, end - version.length); at >= start; at = at === 0 ? -1 : text.lastIndexOf(version, at - 1)) {
    const behind = at + version.length < end ? text.charAt(at + version.length) : "";
    if (!part.test(at > start ? text.charAt(at - 1) : "") && !part.test(behind)) return at;
  }
  return -1;
}
