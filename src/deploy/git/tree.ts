/** One line of `git ls-tree -r -z`: what the commit holds at a path (latin1, a character a byte: names need not be UTF-8). */
export interface TreeEntry {
  readonly mode: string;
  readonly object: string;
  readonly path: string;
}

export const SYMLINK = "120000";
export const SUBMODULE = "160000";

const ENTRY = /^(\d{6}) \w+ ([0-9a-f]{40})\t([^]*)$/;

/** Bytes of `ls-tree -r -z` to those entries that are wanted; a large repository has a million others. */
export class TreeReader {
  readonly found: TreeEntry[] = [];
  private rest = Buffer.alloc(0);

  constructor(private readonly wanted: (mode: string) => boolean) {}

  push(chunk: Uint8Array): void {
    const bytes = this.rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.rest, chunk]);
    let at = 0;
    for (let end = bytes.indexOf(0, at); end >= 0; end = bytes.indexOf(0, at)) {
      if (this.wanted(bytes.toString("latin1", at, at + 6))) this.take(bytes.toString("latin1", at, end));
      at = end + 1;
    }
    this.rest = Buffer.from(bytes.subarray(at));
  }

  private take(line: string): void {
    const [, mode, object, path] = ENTRY.exec(line) ?? [];
    if (mode !== undefined && object !== undefined && path !== undefined) this.found.push({ mode, object, path });
  }
}
