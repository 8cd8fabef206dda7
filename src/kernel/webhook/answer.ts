import { finalHead, shownGarbage } from "../http-answer.ts";
import { plainLine } from "../plain-text.ts";

/** How much of an answer is looked at. */
export const MAX_ANSWER_BYTES = 16 * 1024;

/** What a receiver said; or why that is no answer. */
export type WebhookAnswer = { readonly status: number; readonly reason: string } | { readonly problem: string };

/** undefined while more must come. `text` is latin1, one character a byte; `closed`: nothing more will come. Bodies are nobody's business. */
export function readAnswer(text: string, closed: boolean): WebhookAnswer | undefined {
  if (text === "") return closed ? { problem: "the connection was closed without an answer" } : undefined;
  const head = finalHead(text);
  if (!"HTTP/1.".startsWith(text.slice(0, 7))) return { problem: `the answer is not HTTP/1.1: it begins with ${shownGarbage(text)}` };
  if (head === undefined) {
    if (text.length >= MAX_ANSWER_BYTES) return { problem: `the head of the answer is larger than ${MAX_ANSWER_BYTES} bytes` };
    return closed ? { problem: `the connection was closed within the head of the answer: ${shownGarbage(text)}` } : undefined;
  }
  const [, status, reason = ""] = /^HTTP\/1\.[01] (\d{3}) ?(.*)/.exec(head) ?? [];
  if (status === undefined) return { problem: `the answer is not HTTP/1.1: it begins with ${shownGarbage(head)}` };
  return { status: Number(status), reason: plainLine(Buffer.from(reason, "latin1").toString("utf8"), 100) };
}
