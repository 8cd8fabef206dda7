import { finalHead, shownGarbage } from "../kernel/http-answer.ts";
import { plainLine, plainText } from "../kernel/plain-text.ts";
import { parseAnswer } from "../supervise/probes/http-exchange.ts";

/** How much of an answer is read: its head, and the piece of its body that a failure shows. */
export const MAX_ANSWER_BYTES = 16 * 1024;
const SNIPPET = 1024;
const TLS_RECORD = /^[\u0014-\u0017]\u0003/; // oxlint-disable-line no-control-regex -- how TLS begins

/** What a health endpoint said; or why that is not an answer. */
export type ProbeAnswer =
  | { readonly status: number; readonly reason: string; readonly location?: string; readonly body: string }
  | { readonly problem: string };

/** undefined while more must come. `text` is latin1, one character a byte; `closed`: nothing more will come, or nothing more is read. */
export function readAnswer(text: string, closed: boolean): ProbeAnswer | undefined {
  if (text === "") return closed ? { problem: "the connection was closed without an answer" } : undefined;
  if (TLS_RECORD.test(text)) return { problem: "the port speaks TLS; the health endpoint is asked over plain HTTP" };
  const beginning = text.slice(0, "HTTP/1.".length);
  if (!"HTTP/1.".startsWith(beginning)) return { problem: `the answer is not HTTP/1.1: it begins with ${shownGarbage(text)}` };
  const full = text.length >= MAX_ANSWER_BYTES;
  const head = finalHead(text);
  if (head === undefined) {
    if (full) return { problem: `the head of the answer is larger than ${MAX_ANSWER_BYTES} bytes` };
    return closed ? { problem: `the connection was closed within the head of the answer: ${shownGarbage(text)}` } : undefined;
  }
  if (!/^HTTP\/1\.[01] \d{3}\b/.test(head)) return { problem: `the answer is not HTTP/1.1: it begins with ${shownGarbage(text)}` };
  // Nobody looks at the body of a good answer.
  const wantsBody = !/^HTTP\/1\.[01] 2\d\d\b/.test(head);
  const answer = parseAnswer(text, { wantsBody, closed: closed || full });
  if (!answer) return undefined;
  const location = /^location:[ \t]*(.*)$/im.exec(head)?.[1];
  return {
    status: answer.status,
    reason: plainLine(answer.reason, 100),
    body: plainText(answer.body, SNIPPET),
    ...(location !== undefined && { location: plainLine(location, 300) }),
  };
}
