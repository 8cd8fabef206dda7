import { plainLine } from "../plain-text.ts";

/** How much of an answer is looked at. */
export const MAX_ANSWER_BYTES = 16 * 1024;
const SHOWN_GARBAGE = 60;

/** What a receiver said; or why that is no answer. */
export type WebhookAnswer = { readonly status: number; readonly reason: string } | { readonly problem: string };

/** undefined while more must come. `text` is latin1, one character a byte; `closed`: nothing more will come. Bodies are nobody's business. */
export function readAnswer(text: string, closed: boolean): WebhookAnswer | undefined {
  if (text === "") return closed ? { problem: "the connection was closed without an answer" } : undefined;
  const head = finalHead(text);
  if (!"HTTP/1.".startsWith(text.slice(0, 7))) return { problem: `the answer is not HTTP/1.1: it begins with ${shown(text)}` };
  if (head === undefined) {
    if (text.length >= MAX_ANSWER_BYTES) return { problem: `the head of the answer is larger than ${MAX_ANSWER_BYTES} bytes` };
    return closed ? { problem: `the connection was closed within the head of the answer: ${shown(text)}` } : undefined;
  }
  const [, status, reason = ""] = /^HTTP\/1\.[01] (\d{3}) ?(.*)/.exec(head) ?? [];
  if (status === undefined) return { problem: `the answer is not HTTP/1.1: it begins with ${shown(head)}` };
  return { status: Number(status), reason: plainLine(Buffer.from(reason, "latin1").toString("utf8"), 100) };
}

/** Past those of 1xx. */
function finalHead(text: string): string | undefined {
  let at = 0;
  for (;;) {
    const end = text.indexOf("\r\n\r\n", at);
    if (end < 0) return undefined;
    const head = text.slice(at, end);
    if (!/^HTTP\/1\.[01] 1(?!01)\d\d\b/.test(head)) return head;
    at = end + 4;
  }
}

function shown(text: string): string {
  return JSON.stringify(plainLine(Buffer.from(text.slice(0, SHOWN_GARBAGE), "latin1").toString("utf8")));
}
