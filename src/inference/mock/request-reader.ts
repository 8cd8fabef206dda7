const MAX_HEAD_BYTES = 64 * 2 ** 10;
const MAX_BODY_BYTES = 64 * 2 ** 20;
const END = "\r\n\r\n";
const EMPTY = Buffer.alloc(0);

export interface MockRequest {
  readonly method: string;
  readonly path: string;
  /** Empty where there is none. */
  readonly header: (name: string) => string;
  readonly body: string;
}

/** Reads the requests of one connection, one after the other. Bodies have a Content-Length: every client of an engine knows what it sends. */
export class RequestReader {
  private parts: Buffer[] = [];
  private size = 0;
  /** Bytes at which it is worth looking again. */
  private wanted = 0;

  push(bytes: Buffer): void {
    this.parts.push(bytes);
    this.size += bytes.length;
  }

  /** Undefined: not all of it is here. A number: the status that refuses it, after which nothing can be read. */
  next(): MockRequest | number | undefined {
    if (this.size === 0 || this.size < this.wanted) return undefined;
    const bytes = this.joined();
    const end = bytes.indexOf(END);
    if (end === -1) return bytes.length > MAX_HEAD_BYTES ? 431 : undefined;
    const head = bytes.toString("latin1", 0, end);
    const [method = "", path = ""] = head.slice(0, head.indexOf("\r\n") === -1 ? undefined : head.indexOf("\r\n")).split(" ");
    const header = (name: string): string => new RegExp(`\\r\\n${name}:[ \\t]*([^\\r]*)`, "i").exec(head)?.[1]?.trim() ?? "";
    if (header("transfer-encoding") !== "") return 411;
    const length = Number(header("content-length") || 0);
    if (!Number.isSafeInteger(length) || length < 0) return 400;
    if (length > MAX_BODY_BYTES) return 413;
    const total = end + END.length + length;
    if (bytes.length < total) {
      this.wanted = total;
      return undefined;
    }
    this.wanted = 0;
    this.keep(bytes.subarray(total));
    return { method, path: path.split("?", 1)[0] ?? "", header, body: bytes.toString("utf8", total - length, total) };
  }

  private joined(): Buffer {
    const bytes = this.parts.length === 1 ? (this.parts[0] ?? EMPTY) : Buffer.concat(this.parts, this.size);
    this.keep(bytes);
    return bytes;
  }

  private keep(bytes: Buffer): void {
    this.parts = bytes.length === 0 ? [] : [bytes];
    this.size = bytes.length;
  }
}
