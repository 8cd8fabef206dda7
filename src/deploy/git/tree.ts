/** What the commit holds at a path (latin1, a character a byte: names need not be UTF-8). */
export interface TreeEntry {
  readonly mode: string;
  readonly object: string;
  readonly path: string;
}

const SYMLINK = "120000";
export const SUBMODULE = "160000";

/** One line of `git ls-tree -r -z -l`; a submodule has no size. */
const ENTRY = /^(\d{6}) \w+ ([0-9a-f]{40}) +(\d+|-)\t([^]*)$/;
/** What a file takes at least, whatever its size. */
const BLOCK_BYTES = 4096;

/** Bytes of `ls-tree -r -z -l` to the entries that are no plain files, and the room that all of them take. */
export class TreeReader {
  readonly special: TreeEntry[] = [];
  /** On the disk, folders aside. */
  bytes = 0;
  private rest = Buffer.alloc(0);

  push(chunk: Uint8Array): void {
    const bytes = this.rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.rest, chunk]);
    let at = 0;
    for (let end = bytes.indexOf(0, at); end >= 0; end = bytes.indexOf(0, at)) {
      this.take(bytes.toString("latin1", at, end));
      at = end + 1;
    }
    this.rest = Buffer.from(bytes.subarray(at));
  }

  private take(line: string): void {
    const [, mode = "", object = "", size = "", path = ""] = ENTRY.exec(line) ?? [];
    if (size !== "-") this.bytes += Math.ceil(Number(size) / BLOCK_BYTES) * BLOCK_BYTES;
    if (mode === SYMLINK || mode === SUBMODULE) this.special.push({ mode, object, path });
  }
}
