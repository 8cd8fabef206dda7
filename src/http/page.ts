import { OrcoError } from "../kernel/errors.ts";

/** Keyset cursors: where the next page begins, bound to the filters of the list it came from. */
export function encodeCursor(position: string, filters: object): string {
  return Buffer.from(JSON.stringify([position, filters])).toString("base64url");
}

/** The position. Throws `invalid` when the text is no cursor, or one of a list with other filters. */
export function decodeCursor(text: string, filters: object): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, "base64url").toString());
  } catch {
    throw new OrcoError("invalid", "the cursor is not one of ours");
  }
  const [position, bound] = Array.isArray(parsed) ? (parsed as unknown[]) : [];
  if (typeof position !== "string") throw new OrcoError("invalid", "the cursor is not one of ours");
  if (JSON.stringify(bound) !== JSON.stringify(filters)) throw new OrcoError("invalid", "the cursor belongs to a list with other filters");
  return position;
}

/** `Link: …; rel="next"`, relative to the list. */
export function nextLink(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url);
  searchParams.set("cursor", cursor);
  return `<${pathname}?${searchParams.toString()}>; rel="next"`;
}
