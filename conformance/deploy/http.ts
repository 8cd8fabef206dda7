/** Just enough of RFC 9112 to tell a whole answer from a torn one: pure functions over what has arrived so far. */

export interface Reply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** The server closes the connection after it. */
  readonly last: boolean;
}

export interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Where the body begins. */
  readonly end: number;
}

/** undefined: the head has not arrived yet. */
export function parseHead(text: string): Head | undefined {
  const at = text.indexOf("\r\n\r\n");
  if (at < 0) return undefined;
  const [first = "", ...lines] = text.slice(0, at).split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]);
  if (Number.isNaN(status)) throw new Error(`not an HTTP answer: ${JSON.stringify(first.slice(0, 80))}`);
  const pairs = lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()] as const);
  return { status, headers: new Map(pairs), end: at + 4 };
}

/** The whole answer to a GET; undefined while some of it is missing. `ended`: nothing more will come. */
export function parseReply(text: string, ended: boolean): Reply | undefined {
  const head = parseHead(text);
  if (!head) return undefined;
  if (head.status < 200) return parseReply(text.slice(head.end), ended);
  const { status, headers } = head;
  const body = bodyOf(head, text.slice(head.end), ended);
  const last = /\bclose\b/i.test(headers.get("connection") ?? "") || text.startsWith("HTTP/1.0");
  return body === undefined ? undefined : { status, headers, body, last };
}

function bodyOf({ status, headers }: Head, rest: string, ended: boolean): string | undefined {
  if (status === 204 || status === 304) return "";
  if (/\bchunked\b/i.test(headers.get("transfer-encoding") ?? "")) return chunked(rest);
  const length = headers.get("content-length");
  if (length === undefined) return ended ? rest : undefined;
  return rest.length >= Number(length) ? rest.slice(0, Number(length)) : undefined;
}

function chunked(text: string): string | undefined {
  let body = "";
  for (let at = 0; ;) {
    const line = text.indexOf("\r\n", at);
    if (line < 0) return undefined;
    const size = Number.parseInt(text.slice(at, line), 16);
    if (Number.isNaN(size)) throw new Error(`not the size of a chunk: ${JSON.stringify(text.slice(at, line))}`);
    const end = line + 2 + size;
    if (text.length < end + 2) return undefined;
    if (size === 0) return body;
    body += text.slice(line + 2, end);
    at = end + 2;
  }
}
