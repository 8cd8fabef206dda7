/** How far a stream of an instance has been read. */
export interface Cursor {
  /** 32 hex digits. */
  readonly instance: string;
  readonly stream: number;
  readonly replica: number;
  /** Where in the spool the next read begins: a line's start, or inside a split line when `midline`. */
  readonly offset: number;
  readonly midline: boolean;
}

export function cursorKey(instance: string, stream: number): string {
  return `${instance}:${stream}`;
}
