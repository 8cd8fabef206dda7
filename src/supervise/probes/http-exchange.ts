import { open } from "./connection.ts";
import type { Target } from "./probe.ts";

/** How much of an answer is read: status, header and body. */
const MAX_ANSWER_BYTES = 64 * 1024;
const HEADER_END = "\r\n\r\n";

export interface HttpAnswer {
  readonly status: number;
  readonly reason: string;
  /** Up to 64 KiB; empty when it was not asked for. */
  readonly body: string;
}

export interface HttpExchange {
  readonly target: Target;
  readonly request: Buffer;
  readonly wantsBody: boolean;
  readonly signal: AbortSignal;
}

/** Sends a request that asks for the connection to be closed, and reads as much of the answer as is wanted. */
export async function exchange({ target, request, wantsBody, signal }: HttpExchange): Promise<HttpAnswer> {
  const answer = Promise.withResolvers<HttpAnswer>();
  let received = Buffer.alloc(0);
  const settle = (closed: boolean, error?: Error): void => {
    const found = parseAnswer(received.toString("latin1"), { wantsBody, closed: closed || received.length >= MAX_ANSWER_BYTES });
    if (found) answer.resolve(found);
    else if (closed) answer.reject(error ?? new Error(received.length === 0 ? "closed without an answer" : "not an HTTP answer"));
  };
  // Nobody may be waiting yet when the connection ends before it is handed over.
  answer.promise.catch(() => undefined);
  const connection = await open(
    target,
    {
      onOpen: () => undefined,
      onData: (chunk) => {
        if (received.length >= MAX_ANSWER_BYTES) return;
        received = Buffer.concat([received, chunk]).subarray(0, MAX_ANSWER_BYTES);
        settle(false);
      },
      onEnd: (error) => settle(true, error),
    },
    signal,
  );
  connection.write(request);
  try {
    return await answer.promise;
  } finally {
    connection.end();
  }
}

/** undefined while more of the answer must come. The text is latin1: one character a byte. */
export function parseAnswer(text: string, { wantsBody, closed }: { wantsBody: boolean; closed: boolean }): HttpAnswer | undefined {
  const headerEnd = text.indexOf(HEADER_END);
  if (headerEnd < 0) return undefined;
  const header = text.slice(0, headerEnd);
  const rest = text.slice(headerEnd + HEADER_END.length);
  const status = /^HTTP\/1\.[01] (\d{3}) ?(.*)/.exec(header);
  if (!status) return undefined;
  // 103 Early Hints and its like announce the answer.
  if (status[1]?.startsWith("1") && status[1] !== "101") return parseAnswer(rest, { wantsBody, closed });
  const answer = { status: Number(status[1]), reason: (status[2] ?? "").trim() };
  if (!wantsBody) return { ...answer, body: "" };
  const body = /^transfer-encoding:.*\bchunked\b/im.test(header) ? dechunk(rest) : { text: rest, whole: isWhole(rest, header) };
  return body.whole || closed ? { ...answer, body: Buffer.from(body.text, "latin1").toString("utf8") } : undefined;
}

function isWhole(body: string, header: string): boolean {
  const length = /^content-length:\s*(\d+)/im.exec(header)?.[1];
  return length !== undefined && body.length >= Number(length);
}

function dechunk(text: string): { text: string; whole: boolean } {
  let body = "";
  for (let at = 0; ;) {
    const lineEnd = text.indexOf("\r\n", at);
    const size = lineEnd < 0 ? Number.NaN : Number.parseInt(text.slice(at, lineEnd), 16);
    if (Number.isNaN(size)) return { text: body, whole: false };
    if (size === 0) return { text: body, whole: true };
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
}
