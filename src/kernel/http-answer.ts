import { plainLine } from "./plain-text.ts";

const SHOWN_GARBAGE = 60;

/** The head of the final answer in the text of an HTTP/1 connection, past those of 1xx; undefined while it is not whole. */
export function finalHead(text: string): string | undefined {
  let at = 0;
  for (;;) {
    const end = text.indexOf("\r\n\r\n", at);
    if (end < 0) return undefined;
    const head = text.slice(at, end);
    if (!/^HTTP\/1\.[01] 1(?!01)\d\d\b/.test(head)) return head;
    at = end + 4;
  }
}

/** The beginning of what is no answer, quoted. `text` is latin1, one character a byte. */
export function shownGarbage(text: string): string {
  return JSON.stringify(plainLine(Buffer.from(text.slice(0, SHOWN_GARBAGE), "latin1").toString("utf8")));
}
