const TINTS = { plain: "", header: "1", selected: "7", marked: "4", dim: "2", warn: "33", error: "31", good: "32" } as const;

export type Tint = keyof typeof TINTS;

/** Attributes for text that is already clean and cut. */
export interface Paint {
  (tint: Tint, text: string): string;
  /** A colour by its SGR code. */
  color(code: number, text: string): string;
}

/** Bold and reverse are no colours: they stay with NO_COLOR, or nobody could tell what is selected. */
const UNCOLORED: ReadonlySet<Tint> = new Set(["header", "selected", "marked"]);

export function paintWith({ color }: { color: boolean }): Paint {
  const sgr = (code: string, text: string): string => (code === "" || text === "" ? text : `\x1b[${code}m${text}\x1b[0m`);
  const paint = (tint: Tint, text: string): string => (color || UNCOLORED.has(tint) ? sgr(TINTS[tint], text) : text);
  return Object.assign(paint, { color: (code: number, text: string) => (color ? sgr(String(code), text) : text) });
}
