import { ChunkedScanner } from "../../edge/http1/chunked.ts";
import { parseResponse } from "../../edge/http1/head.ts";
import { MAX_HEAD_BYTES, type ResponseHead } from "../../edge/http1/message.ts";
import { EngineFault } from "../adapters/adapter.ts";
import type { HeadMemory } from "./head-memory.ts";

const LF = 0x0a;
const EMPTY = Buffer.alloc(0);
/** 1xx before the answer. */
const MAX_INTERIM = 16;

/** How the answer to one request comes in. Exactly one of `end` and `fail` is called, last. */
export interface AnswerHandlers {
  head(head: AnswerHead): void;
  /** Of the body, chunks taken apart. The bytes are the callee's. */
  data(bytes: Buffer): void;
  /** The body is whole; of one that ends with the connection nobody can tell. */
  end(): void;
  fail(fault: EngineFault): void;
}

export interface AnswerHead {
  readonly status: number;
  /** Lower case, without parameters; "" when there is none. */
  readonly contentType: string;
  /** First value; undefined when there is none. `name` in lower case. */
  header(name: string): string | undefined;
}

/** What became of the bytes. `spilled`: the answer is whole, and bytes followed that nobody asked for. */
export type Step = "more" | "done" | "spilled" | "failed";

/** Reads one answer off a connection (RFC 9112): interim answers are skipped, nothing is decompressed. */
export class AnswerReader {
  /** Not one byte has come. */
  untouched = true;
  head: ResponseHead | undefined;
  private rest: Buffer = EMPTY;
  private interim = 0;
  private chunks: ChunkedScanner | undefined;
  private left = 0;
  /** Where the payload of the bytes at hand is gathered. */
  private from = 0;
  private to = 0;

  constructor(
    private readonly asked: { readonly method: string; readonly label: string; readonly heads?: HeadMemory },
    private readonly handlers: AnswerHandlers,
  ) {}

  take(bytes: Buffer): Step {
    this.untouched = false;
    return this.head ? this.body(bytes) : this.takeHead(bytes);
  }

  /** The connection has ended cleanly. */
  takeEnd(): Step {
    if (this.head?.framing.kind === "until-close") {
      this.handlers.end();
      return "done";
    }
    const where = this.head ? "in the middle of its answer" : "before it answered";
    return this.fail(this.head ? "reset" : "connect", `closed the connection ${where}`);
  }

  private takeHead(piece: Buffer): Step {
    let bytes = this.rest.length === 0 ? piece : Buffer.concat([this.rest, piece]);
    if (!piece.includes(LF) && bytes.length < MAX_HEAD_BYTES) {
      this.rest = bytes;
      return "more";
    }
    for (;;) {
      const { method, heads } = this.asked;
      const parsed = heads ? heads.parse(bytes, method) : parseResponse(bytes, { method });
      if (parsed.kind === "refused") return this.fail("http", `sent no valid HTTP answer: ${parsed.refusal.detail}`);
      if (parsed.kind === "more") {
        this.rest = bytes;
        return "more";
      }
      const { head } = parsed;
      bytes = bytes.subarray(head.bytes);
      if (head.status >= 200) return this.begin(head, bytes);
      if (head.status === 101 || ++this.interim > MAX_INTERIM)
        return this.fail("http", `answered ${head.status} where nobody asked for it`);
    }
  }

  private begin(head: ResponseHead, body: Buffer): Step {
    this.head = head;
    this.rest = EMPTY;
    const { framing } = head;
    if (framing.kind === "chunked") this.chunks = new ChunkedScanner();
    if (framing.kind === "length") this.left = framing.bytes;
    const answer = new ReadHead(head);
    const coding = answer.header("content-encoding");
    if (coding !== undefined && coding.toLowerCase() !== "identity")
      return this.fail("http", "compressed its answer although it was asked not to");
    this.handlers.head(answer);
    return this.body(body);
  }

  private body(bytes: Buffer): Step {
    if (this.chunks) return this.chunked(bytes, this.chunks);
    if (this.head?.framing.kind === "until-close") {
      if (bytes.length > 0) this.handlers.data(bytes);
      return "more";
    }
    const part = bytes.length > this.left ? bytes.subarray(0, this.left) : bytes;
    this.left -= part.length;
    if (part.length > 0) this.handlers.data(part);
    return this.left === 0 ? this.end(part.length < bytes.length) : "more";
  }

  private chunked(bytes: Buffer, chunks: ChunkedScanner): Step {
    this.from = 0;
    this.to = 0;
    const scan = chunks.scan(bytes, (from, to) => this.gather(bytes, from, to));
    if (this.to > this.from) this.handlers.data(bytes.subarray(this.from, this.to));
    if ("refused" in scan) return this.fail("reset", `sent a broken body: ${scan.refused.detail}`);
    return scan.done ? this.end(scan.consumed < bytes.length) : "more";
  }

  /** Moves the payload together where it is: the bytes are ours, and one piece is cheaper for all that follows. */
  private gather(bytes: Buffer, from: number, to: number): void {
    if (this.to === 0) this.from = from;
    else bytes.copyWithin(this.to, from, to);
    this.to = this.to === 0 ? to : this.to + to - from;
  }

  private end(spilled: boolean): Step {
    this.handlers.end();
    return spilled ? "spilled" : "done";
  }

  private fail(kind: "connect" | "http" | "reset", what: string): Step {
    this.handlers.fail(new EngineFault(kind, `the engine at ${this.asked.label} ${what}`));
    return "failed";
  }
}

class ReadHead implements AnswerHead {
  readonly status: number;
  /** Listed once: the head does it anew each time. */
  private readonly headers: ResponseHead["headers"];

  constructor(head: ResponseHead) {
    this.status = head.status;
    this.headers = head.headers;
  }

  get contentType(): string {
    return this.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  }

  header(name: string): string | undefined {
    return this.headers.find(([known]) => known.toLowerCase() === name)?.[1];
  }
}
