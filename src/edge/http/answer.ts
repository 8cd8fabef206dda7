import { bodyScanner, dechunk } from "../http1/body.ts";
import { parseResponse } from "../http1/head.ts";
import type { Refusal, RequestHead, ResponseHead } from "../http1/message.ts";
import type { Wire } from "../wire.ts";
import { writeMessage } from "./write-message.ts";

const EMPTY = Buffer.alloc(0);

export interface AnswerOwner {
  /** The head as the client gets it. */
  answerHead(head: ResponseHead): Buffer;
}

/** Finds the end of the body. `payload`: what is to be passed on instead of the bytes consumed. */
interface Passage {
  scan(bytes: Uint8Array): { consumed: number; done: boolean; payload?: readonly Uint8Array[] } | { refused: Refusal };
}

/**
 * What became of the bytes. more: taken. done: the answer is complete. spilled: complete, and bytes followed that nobody asked for.
 * switched: 101, `rest` belongs to the new protocol. invalid: not one HTTP answer.
 */
export type Step = "more" | "done" | "spilled" | "switched" | "invalid";

/** The answer of a target on its way to the client. Nothing of its body is changed, unless an HTTP/1.0 client cannot read chunks. */
export class Answer {
  /** The final one. */
  head: ResponseHead | undefined;
  /** Something of the final answer was written to the client. */
  started = false;
  /** Of the body, as written to the client. */
  bytes = 0;
  /** The beginning of a head, or what followed a 101. */
  rest: Buffer = EMPTY;
  private scanner: Passage | undefined;

  constructor(
    private readonly asked: RequestHead,
    private readonly to: Wire,
    private readonly owner: AnswerOwner,
  ) {}

  /** Not one byte of an answer came yet. */
  get untouched(): boolean {
    return !this.head && this.rest.length === 0;
  }

  /** The end of the connection is the end of the body. */
  get untilClose(): boolean {
    return this.head?.framing.kind === "until-close";
  }

  take(bytes: Buffer): Step {
    return this.head ? this.pass(bytes, EMPTY) : this.takeHead(this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]));
  }

  private takeHead(bytes: Buffer): Step {
    let at = 0;
    for (;;) {
      const parsed = parseResponse(bytes, { method: this.asked.method, at });
      if (parsed.kind === "refused") return "invalid";
      if (parsed.kind === "more") {
        this.rest = Buffer.from(bytes.subarray(at));
        return "more";
      }
      const { head } = parsed;
      at += head.bytes;
      if (head.status === 101) return this.switch(head, bytes.subarray(at));
      if (head.status >= 200) return this.begin(head, at === bytes.length ? EMPTY : bytes.subarray(at));
      // RFC 9110 §15.2: an HTTP/1.0 client does not know interim answers.
      if (this.asked.version === 1) this.to.write(this.owner.answerHead(head));
    }
  }

  private switch(head: ResponseHead, rest: Buffer): Step {
    this.head = head;
    this.rest = Buffer.from(rest);
    return "switched";
  }

  private begin(head: ResponseHead, body: Buffer): Step {
    this.head = head;
    this.rest = EMPTY;
    this.scanner = head.framing.kind === "chunked" && this.asked.version === 0 ? dechunk() : bodyScanner(head.framing);
    return this.pass(body, this.owner.answerHead(head));
  }

  private pass(bytes: Buffer, before: Buffer): Step {
    const scan = this.scanner?.scan(bytes);
    if (!scan || "refused" in scan) return "invalid";
    const spilled = scan.done && scan.consumed < bytes.length;
    // Of a HEAD with a body the head is right; of two answers in one nobody knows which one is meant.
    if (spilled && !this.started && this.head?.framing.kind !== "none") return "invalid";
    if (scan.payload) this.write(before, Buffer.concat(scan.payload));
    else this.write(before, scan.consumed === bytes.length ? bytes : bytes.subarray(0, scan.consumed));
    if (spilled) return "spilled";
    return scan.done ? "done" : "more";
  }

  private write(before: Buffer, body: Buffer): void {
    this.started = true;
    this.bytes += body.length;
    if (before.length > 0) writeMessage(this.to, before, body);
    else if (body.length > 0) this.to.write(body);
  }
}
