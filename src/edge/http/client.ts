import type { Introduced } from "../http1/hop.ts";
import { MAX_HEAD_BYTES, type RequestHead } from "../http1/message.ts";
import { parseRequest } from "../http1/head.ts";
import { HIGH_WATER, type Wire, type WireHandlers } from "../wire.ts";
import type { Deadline } from "./deadlines.ts";
import type { ClientSide } from "./client-side.ts";
import { Exchange } from "./exchange.ts";
import { FAILURES, type Failure } from "./page.ts";
import type { Meter, Service } from "./service.ts";

const EMPTY = Buffer.alloc(0);
const LF = 10;
/** Between two requests. Browsers give up after one to five minutes; a target's idle time does not matter here. */
const KEEP_ALIVE_MS = 75_000;
/** A client that was just answered when its worker leaves will most likely send again soon, and is told to go elsewhere then. */
const RETIRE_MS = 1_000;
/** After the last byte of ours the client may still be sending: closing at once would destroy the answer on its way (RFC 9112 §9.6). */
const LINGER_MS = 30_000;

/** open: waits for requests. reading: looks at bytes that came. lingering: all is said, what still comes is thrown away. passed: the bytes are no HTTP any more. */
type Phase = "open" | "reading" | "lingering" | "passed" | "gone";

/** One connection of a client: one request after the other, in order. */
export class Client implements WireHandlers, Deadline, ClientSide {
  dueAt: number;
  readonly introduced: Introduced = { host: undefined, lines: "" };
  /** The client sends no more. */
  private halfClosed = false;
  private phase: Phase = "open";
  /** Bytes of requests that were not read yet. */
  private kept: Buffer = EMPTY;
  private exchange: Exchange | undefined;
  /** Of the queue when a deadline was last looked at. */
  private queuedBefore = 0;
  /** Monotonic ms. */
  private idleSince: number;
  /** Of the front it asked last. */
  private meter: Meter | undefined;

  constructor(
    readonly wire: Wire,
    readonly service: Service,
  ) {
    this.idleSince = service.deadlines.now;
    this.dueAt = service.deadlines.in(service.clientMs);
    service.deadlines.watch(this);
  }

  /** The client sends no more, and all that it sent was read: requests of before its end are answered. */
  get ended(): boolean {
    return this.halfClosed && this.kept.length === 0;
  }

  data(bytes: Buffer): void {
    if (this.phase !== "open") return;
    const { exchange } = this;
    if (!exchange) return this.readOn(bytes);
    const used = exchange.upload.complete ? 0 : exchange.upload.take(bytes);
    if (used < bytes.length && this.exchange) this.keep(bytes.subarray(used));
    else if (used < bytes.length) this.read(bytes.subarray(used), false);
  }

  drain(): void {
    if (this.exchange) this.exchange.clientDrain();
    else if (this.phase === "open" && this.kept.length > 0) this.read(this.kept, true);
  }

  end(): void {
    this.halfClosed = true;
    if (this.exchange) this.exchange.clientEnd();
    else if (this.phase === "open" && !this.waitsForRoom) this.finish();
  }

  close(): void {
    this.phase = "gone";
    this.kept = EMPTY;
    this.service.deadlines.forget(this);
    this.service.clientGone(this);
    this.meter?.addConnection(-1);
    this.meter = undefined;
    this.exchange?.clientGone();
  }

  expire(): void {
    if (this.exchange) return this.exchange.expire();
    if (this.wire.queued > 0 && this.wire.queued !== this.queuedBefore) return this.lingerOn();
    if (this.phase === "open" && this.kept.length > 0) return this.refuse(FAILURES.request_timeout);
    if (this.phase === "open" && this.wire.queued === 0) return this.finish();
    this.wire.reset();
  }

  /** The worker leaves: the next answer is the last one. */
  retire(): void {
    if (this.phase === "open" && !this.exchange && this.kept.length === 0) this.dueAt = Math.min(this.dueAt, this.idleSince + RETIRE_MS);
  }

  /** The answer is on its way. `keepAlive`: another request may follow. */
  over(keepAlive: boolean): void {
    this.exchange = undefined;
    if (this.phase !== "open" && this.phase !== "reading") return;
    if (!keepAlive) return this.finish();
    this.idleSince = this.service.deadlines.now;
    this.dueAt = this.idleSince + (this.service.retiring ? RETIRE_MS : KEEP_ALIVE_MS);
    if (this.phase === "reading") return;
    this.wire.resume();
    if (this.kept.length > 0) this.read(this.kept, false);
    else if (this.ended) this.finish();
  }

  /** Whoever takes the wire answers for it from now on. Returns what was read too far. */
  pass(): Buffer {
    const { kept } = this;
    this.phase = "passed";
    this.kept = EMPTY;
    this.dueAt = Infinity;
    return kept;
  }

  /** A head that is cut off is looked at again when a line of it has ended: it is read from its start each time, and clients that drip are many. */
  private readOn(bytes: Buffer): void {
    const begun = this.kept.length > 0;
    if (begun && this.kept.length + bytes.length < MAX_HEAD_BYTES && !bytes.includes(LF)) return this.keep(bytes);
    this.read(begun ? Buffer.concat([this.kept, bytes]) : bytes, begun);
  }

  /** `begun`: the head in `bytes` has its deadline already. */
  private read(bytes: Buffer, begun: boolean): void {
    let at = 0;
    this.phase = "reading";
    this.kept = EMPTY;
    while (at < bytes.length && this.phase === "reading" && !this.exchange && this.wire.queued <= HIGH_WATER) {
      const parsed = parseRequest(bytes, at);
      if (parsed.kind === "more") break;
      if (parsed.kind === "refused") this.refuse(parsed.refusal);
      else at = this.begin(parsed.head, bytes, at + parsed.head.bytes);
    }
    if (this.phase !== "reading") return;
    this.phase = "open";
    this.rest(at === 0 ? bytes : at === bytes.length ? EMPTY : bytes.subarray(at), begun && at === 0);
  }

  /** What is left after reading. */
  private rest(bytes: Buffer, begun: boolean): void {
    if (bytes.length > 0) this.keep(bytes);
    if (this.exchange) {
      if (this.halfClosed) this.exchange.clientEnd();
      return;
    }
    if (this.waitsForRoom) return this.wire.pause();
    this.wire.resume();
    if (this.halfClosed) this.finish();
    else if (bytes.length > 0 && !begun) this.dueAt = this.service.deadlines.in(this.service.clientMs);
  }

  /** Requests are there, and the answers to others have to be read first. */
  private get waitsForRoom(): boolean {
    return this.kept.length > 0 && this.wire.queued > HIGH_WATER;
  }

  private begin(head: RequestHead, bytes: Buffer, at: number): number {
    const exchange = new Exchange(this, head, this.service);
    this.exchange = exchange;
    this.count(exchange.meter);
    return at + exchange.start(at === bytes.length ? EMPTY : bytes.subarray(at));
  }

  private count(meter: Meter | undefined): void {
    if (meter === this.meter) return;
    this.meter?.addConnection(-1);
    meter?.addConnection(1);
    this.meter = meter;
  }

  private keep(bytes: Buffer): void {
    this.kept = this.kept.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.kept, bytes]);
    if (this.kept.length > HIGH_WATER) this.wire.pause();
  }

  private refuse(failure: Failure): void {
    this.service.refused(this.wire, failure);
    this.finish();
  }

  private finish(): void {
    this.phase = "lingering";
    this.kept = EMPTY;
    this.wire.resume();
    this.wire.end();
    this.lingerOn();
  }

  private lingerOn(): void {
    this.queuedBefore = this.wire.queued;
    this.dueAt = this.service.deadlines.in(LINGER_MS);
  }
}
