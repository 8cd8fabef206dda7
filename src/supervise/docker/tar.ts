/** Header blocks of a tar. Source: POSIX.1-2017, pax "ustar Interchange Format" and "pax Header Block". */

export const TAR_BLOCK = 512;
export const TAR_END = Buffer.alloc(2 * TAR_BLOCK);
/** What the field of twelve octal digits holds less one; more goes into a pax record. */
const MAX_USTAR_SIZE = 0o77777777777;
const MAX_NAME_BYTES = 100;
const TYPES = { file: "0", symlink: "2", folder: "5", pax: "x" } as const;

export interface TarEntry {
  readonly kind: "file" | "symlink" | "folder";
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Bytes that follow; 0 for what is no file. */
  readonly size: number;
  /** Epoch seconds. */
  readonly mtime: number;
  readonly linkTarget?: string;
}

/** Header of an entry, with a pax header before it where ustar has no room. Owner is root, as for the builder of docker. */
export function tarHeader(entry: TarEntry): Buffer {
  const path = entry.kind === "folder" ? `${entry.path}/` : entry.path;
  const records = {
    ...(isLong(path) && { path }),
    ...(isLong(entry.linkTarget ?? "") && { linkpath: entry.linkTarget ?? "" }),
    ...(entry.size > MAX_USTAR_SIZE && { size: String(entry.size) }),
  };
  const header = ustar({ ...entry, path, type: TYPES[entry.kind] });
  if (Object.keys(records).length === 0) return header;
  const body = Buffer.concat(Object.entries(records).map(([key, value]) => record(key, value)));
  const pax = ustar({ path: "pax", mode: 0o644, size: body.length, mtime: entry.mtime, type: TYPES.pax });
  return Buffer.concat([pax, body, Buffer.alloc(padding(body.length)), header]);
}

/** Zeros between the end of a file and the next header. */
export function padding(size: number): number {
  return (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK;
}

function isLong(text: string): boolean {
  return Buffer.byteLength(text) > MAX_NAME_BYTES;
}

/** `<length> key=value\n`, where the length counts its own digits. */
function record(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function ustar({ path, mode, size, mtime, type, linkTarget = "" }: Omit<TarEntry, "kind"> & { readonly type: string }): Buffer {
  const block = Buffer.alloc(TAR_BLOCK);
  block.write(cut(path), 0, MAX_NAME_BYTES, "latin1");
  block.write(octal(mode & 0o7777, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size > MAX_USTAR_SIZE ? 0 : size, 11), 124);
  block.write(octal(Math.max(0, Math.floor(mtime)), 11), 136);
  block.write("        ", 148);
  block.write(type, 156);
  block.write(cut(linkTarget), 157, MAX_NAME_BYTES, "latin1");
  block.write("ustar\u000000", 257);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}

/** UTF-8 as bytes; the rest of a long one is in the pax header. */
function cut(text: string): string {
  return Buffer.from(text).subarray(0, MAX_NAME_BYTES).toString("latin1");
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0").slice(-digits);
}
