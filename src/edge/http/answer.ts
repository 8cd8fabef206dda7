import { bodyScanner, dechunk } from "../http1/body.ts";
import type { Draft } from "../http1/draft.ts";
import { parseResponse } from "../http1/head.ts";
import type { Refusal, RequestHead, ResponseHead } from "../http1/message.ts";
import type { Wire } from "../wire.ts";
import { send } from "./send.ts";

const EMPTY = Buffer.alloc(0);

export interface AnswerOwner {
  /** The head as the client gets it. */
  answerHead(head: ResponseHead): Draft;
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
  /** Not one byte came yet, not even of an interim one. */
  untouched = true;
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

  /** The end of the connection is the end of the body. */
  get untilClose(): boolean {
    return this.head?.framing.kind === "until-close";
  }

  take(bytes: Buffer): Step {
    this.untouched = false;
    return this.head ? this.pass(bytes) : this.takeHead(this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]));
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
      if (head.status >= 200) return this.begin(head, bytes, at);
      // RFC 9110 §15.2: an HTTP/1.0 client does not know interim answers.
      if (this.asked.version === 1) this.to.write(this.owner.answerHead(head).view());
    }
  }

  private switch(head: ResponseHead, rest: Buffer): Step {
    this.head = head;
    this.rest = Buffer.from(rest);
    return "switched";
  }

  private begin(head: ResponseHead, bytes: Buffer, at: number): Step {
    const { framing } = head;
    this.head = head;
    this.rest = EMPTY;
    const draft = this.owner.answerHead(head);
    // Nearly every answer: all of it came at once.
    if (framing.kind === "length" && framing.bytes === bytes.length - at) {
      this.sendHead(draft, bytes, { body: at, end: bytes.length });
      return "done";
    }
    this.scanner = framing.kind === "chunked" && this.asked.version === 0 ? dechunk() : bodyScanner(framing);
    const scan = this.scanner.scan(at === bytes.length ? EMPTY : bytes.subarray(at));
    if ("refused" in scan) return "invalid";
    const end = at + scan.consumed;
    // Of a HEAD with a body the head is right; of two answers in one nobody knows which one is meant.
    if (scan.done && end < bytes.length && framing.kind !== "none") return "invalid";
    if (scan.payload) this.sendHead(draft, Buffer.concat(scan.payload), { body: 0 });
    else this.sendHead(draft, bytes, { body: at, end });
    return stepOf(scan, bytes.length - at);
  }

  private pass(bytes: Buffer): Step {
    const scan = this.scanner?.scan(bytes);
    if (!scan || "refused" in scan) return "invalid";
    const whole = scan.consumed === bytes.length ? bytes : bytes.subarray(0, scan.consumed);
    const body = scan.payload ? Buffer.concat(scan.payload) : whole;
    if (body.length > 0) this.to.write(body);
    this.bytes += body.length;
    return stepOf(scan, bytes.length);
  }

  /** With the bytes of the body from `body` to `end`, behind the received head. Without `end` these are bytes of their own. */
  private sendHead(draft: Draft, bytes: Buffer, { body, end }: { body: number; end?: number }): void {
    this.started = true;
    this.bytes += (end ?? bytes.length) - body;
    if (end !== undefined && draft.unchanged) return void this.to.write(part(bytes, body - draft.size, end));
    send(this.to, draft, { body: part(bytes, 0, end ?? bytes.length), from: body });
  }
}

function stepOf({ consumed, done }: { consumed: number; done: boolean }, given: number): Step {
  if (done && consumed < given) return "spilled";
  return done ? "done" : "more";
}

function part(bytes: Buffer, from: number, to: number): Buffer {
  return from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);
}
