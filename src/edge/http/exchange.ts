import { requestHeadFor, requestIdOf, responseHeadFor, staysOpen } from "../http1/hop.ts";
import type { Refusal, RequestHead, ResponseHead } from "../http1/message.ts";
import { stickFrom, stickyCookie } from "../pool/sticky.ts";
import { DEFAULT_TIMEOUTS, type FrontTimeouts } from "../route.ts";
import { Splice } from "../splice.ts";
import { FrameScanner } from "../websocket-frames.ts";
import { HIGH_WATER, type Wire } from "../wire.ts";
import { Answer, type AnswerOwner, type Step } from "./answer.ts";
import { FAILURES, type Failure, pageOf } from "./page.ts";
import { Reach, type ReachOwner } from "./reach.ts";
import type { Meter, Service, Site } from "./service.ts";
import { recordOf, type Tally, tallyOf, valueOf } from "./tally.ts";
import { Upload, type UploadOwner } from "./upload.ts";
import type { Upstream, UpstreamUser } from "./upstream.ts";

/** The connection that a request came on. */
export interface ClientSide {
  readonly wire: Wire;
  /** It sends no more. */
  readonly ended: boolean;
  /** When `Exchange.expire` is called. */
  dueAt: number;
  /** The answer is written. */
  over(keepAlive: boolean): void;
  /** Somebody else takes the wire over; returns what was read too far. */
  pass(): Buffer;
  close(): void;
}

/**
 * reaching: looks for a target, or waits for one. asking: the request goes to the target, no answer yet. answering: the answer goes to the client.
 * passed: both wires belong to a tunnel.
 */
type Phase = "reaching" | "asking" | "answering" | "passed" | "over";

/** RFC 9110 §9.2.2. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);
const EVENT_STREAM = /\r\ncontent-type:[ \t]*text\/event-stream/i;

/** One request and its answer. */
export class Exchange implements UpstreamUser, UploadOwner, ReachOwner, AnswerOwner {
  readonly upload: Upload;
  private readonly answer: Answer;
  private readonly tally: Tally;
  private readonly site: Site | undefined;
  private readonly reach: Reach | undefined;
  private phase: Phase = "reaching";
  private upstream: Upstream | undefined;
  /** The head as the target gets it. */
  private sent: Buffer | undefined;
  /** Told to the client with the head of the answer. */
  private keepAlive = false;
  /** An event stream: it may be silent for as long as it likes. */
  private streaming = false;
  /** Of the slow side's queue when the deadline was last looked at. */
  private queuedBefore = 0;
  private tunnel: Splice | undefined;

  constructor(
    private readonly client: ClientSide,
    readonly head: RequestHead,
    private readonly service: Service,
  ) {
    this.upload = new Upload(head.framing, this);
    this.answer = new Answer(head, client.wire, this);
    this.tally = tallyOf(service);
    this.site = service.sites.find(head.host);
    if (!this.site) return;
    const { sticky } = this.site.front;
    this.reach = new Reach(this, { site: this.site, service }, sticky && stickFrom(sticky, head.headers));
    this.site.meter.addInFlight(1);
  }

  /** `body`: what came behind the head. Returns how much of it belongs to the request. */
  start(body: Buffer): number {
    const used = this.upload.take(body);
    if (this.phase !== "reaching") return used;
    this.client.dueAt = Infinity;
    if (this.reach) this.reach.start();
    else this.fail(FAILURES.no_such_host);
    // Waiting for a target, the body of a big upload stays where it is.
    if (this.isReaching() && !this.upload.complete) this.client.wire.pause();
    return used;
  }

  get meter(): Meter | undefined {
    return this.site?.meter;
  }

  get repeatable(): boolean {
    return IDEMPOTENT.has(this.head.method) && this.upload.replayable;
  }

  // The client

  clientDrain(): void {
    if (this.phase !== "answering" || !this.upstream) return;
    this.upstream.wire.resume();
    this.armAnswer();
  }

  /** Without more to come from it, an answer is what a client that half-closes waits for. */
  clientEnd(): void {
    const waits = this.upload.complete && !this.reach?.held && !this.streaming;
    if (waits || this.phase === "over" || this.phase === "passed") return;
    this.clientGone();
    this.client.wire.reset();
  }

  clientGone(): void {
    if (this.phase === "over" || this.phase === "passed") return;
    this.tally.error = "client_closed";
    this.upstream?.cancel();
    this.settle(this.streaming ? this.status : 499);
  }

  expire(): void {
    const { upstream } = this;
    if (this.phase === "reaching") return this.reach?.waited(this.service.clock.monotonic());
    if (this.phase === "passed" || this.phase === "over" || !upstream) return;
    const slow = this.phase === "answering" ? this.client.wire : upstream.wire;
    if (slow.queued > 0 && slow.queued !== this.queuedBefore) return this.goOn(slow);
    if (this.phase === "answering") this.cutClient("body_timeout");
    else this.fail(this.upload.complete || slow.queued > 0 ? FAILURES.response_timeout : FAILURES.request_timeout);
  }

  // The way to the target

  reached(upstream: Upstream): void {
    if (upstream.wire.closed) return this.lost(upstream.reused);
    this.upstream = upstream;
    upstream.user = this;
    this.phase = "asking";
    this.tally.target = upstream.target;
    const { wire } = this.client;
    this.sent ??= requestHeadFor(this.head, {
      peer: wire.remoteAddress,
      proto: wire.secure ? "https" : "http",
      requestId: this.tally.requestId,
      trusted: this.service.trusts(wire.remoteAddress),
      targetHost: this.head.host === "" ? `${upstream.target.host}:${upstream.target.port}` : "",
    });
    this.upload.sendTo(upstream.wire, this.sent);
    this.armRequest();
    if (!this.upload.complete) wire.resume();
  }

  unreachable(failure: Failure): void {
    this.fail(failure);
  }

  triedAgain(): void {
    this.tally.retries++;
    this.site?.meter.retried();
  }

  waitUntil(dueAt: number): void {
    this.client.dueAt = dueAt;
  }

  /** The drain time of the target is over. */
  cut(): void {
    if (this.tunnel) this.tunnel.cut();
    else if (this.phase === "answering") this.cutClient("drained");
    else if (this.phase !== "over") this.fail(FAILURES.drained);
  }

  // The body of the request

  uploaded(queued: boolean): void {
    if (this.phase !== "asking") return;
    this.armRequest();
    if (queued && !this.upload.complete) this.client.wire.pause();
  }

  uploadRefused(refusal: Refusal): void {
    if (this.phase === "answering") this.cutClient(refusal.code);
    else this.fail(refusal);
  }

  targetDrain(): void {
    if (this.upload.complete) return;
    this.client.wire.resume();
    if (this.phase === "asking") this.armRequest();
  }

  // The answer

  targetData(bytes: Buffer): void {
    this.stepped(this.answer.take(bytes));
  }

  targetEnd(): void {
    if (this.phase === "answering" && this.answer.untilClose) this.done(false);
    else this.targetClose();
  }

  targetClose(): void {
    if (this.phase === "answering") this.cutClient("target_cut");
    else if (this.phase === "asking") this.lost(this.upstream?.reused === true && this.answer.untouched);
  }

  answerHead(head: ResponseHead): Buffer {
    const { upload, service, client } = this;
    const returning = {
      clientVersion: this.head.version,
      keepAlive: this.head.keepAlive && upload.complete && !service.retiring && !client.ended,
    };
    const rewritten = responseHeadFor(head, returning);
    if (head.status < 200) return rewritten;
    this.keepAlive = staysOpen(head, returning);
    this.streaming = head.framing.kind !== "length" && EVENT_STREAM.test(head.fields.text);
    return this.withCookie(rewritten);
  }

  private stepped(step: Step): void {
    switch (step) {
      case "more":
        if (this.answer.head) this.phase = "answering";
        if (this.phase === "answering") this.armAnswer();
        if (this.client.wire.queued > HIGH_WATER) this.upstream?.wire.pause();
        return;
      case "done":
        return this.done(this.upload.complete && this.answer.head?.keepAlive === true);
      case "spilled":
        return this.done(false);
      case "switched":
        return this.switch();
      case "invalid":
        return this.answer.started ? this.cutClient("target_invalid") : this.fail(FAILURES.target_invalid);
    }
  }

  private done(reusable: boolean): void {
    const { upstream, keepAlive } = this;
    if (upstream) {
      upstream.user = undefined;
      if (reusable) this.service.idle.put(upstream);
      else if (this.upload.complete) upstream.finish();
      else upstream.cancel();
    }
    this.settle(this.status);
    this.client.over(keepAlive && this.upload.complete);
  }

  /** An answer of our own; nothing of the target's was passed on. */
  private fail(failure: Failure): void {
    const { head, upload, client, service } = this;
    this.upstream?.cancel();
    const keepAlive = head.keepAlive && upload.complete && !client.ended && !service.retiring;
    const requestId = requestIdOf(head) ?? this.tally.requestId;
    this.tally.error = failure.code;
    this.settle(failure.status);
    client.wire.write(
      pageOf(failure, { method: head.method, version: head.version, accept: valueOf(head, "accept"), requestId, keepAlive }),
    );
    client.over(keepAlive);
  }

  /** What the client has of the answer must not look like all of it. */
  private cutClient(code: string): void {
    this.upstream?.cancel();
    this.tally.error = code;
    this.settle(this.status);
    this.client.wire.reset();
  }

  /** The target closed the connection before it answered. Only a connection that had idled may have been closed for another reason. */
  private lost(stale: boolean): void {
    this.upstream?.cancel();
    this.upstream = undefined;
    if (!stale || !this.repeatable || this.tally.retries > 0) return this.fail(FAILURES.target_closed);
    this.phase = "reaching";
    this.client.dueAt = Infinity;
    this.triedAgain();
    this.reach?.dialAgain();
  }

  /** 101: what follows is no HTTP. */
  private switch(): void {
    const { upstream, answer, client, reach } = this;
    if (!upstream || !answer.head || this.head.upgrade === undefined) return this.fail(FAILURES.target_invalid);
    this.phase = "passed";
    client.wire.write(this.answerHead(answer.head));
    upstream.user = undefined;
    const frames = this.head.upgrade === "websocket" ? new FrameScanner() : undefined;
    const closed = (): void => {
      upstream.close();
      this.settle(101);
      client.close();
    };
    const options = { client: client.wire, target: upstream.wire, clock: this.service.clock, targetClosed: () => reach?.release(), closed };
    this.tunnel = new Splice(options, frames);
    this.tunnel.start(client.pass(), answer.rest);
  }

  /** Counts and logs it. */
  private settle(status: number): void {
    const { site, tally, service, head } = this;
    this.phase = "over";
    this.reach?.release();
    const now = service.clock.monotonic();
    site?.meter.addInFlight(-1);
    (site?.meter ?? service.stray)?.finished(status, now - tally.since);
    if (!service.log) return;
    tally.bytesIn = this.upload.bytes;
    tally.bytesOut = this.answer.bytes;
    service.log(recordOf(head, site, { tally, status, now, client: this.client.wire.remoteAddress }));
  }

  private get status(): number {
    return this.answer.head?.status ?? 0;
  }

  private get timeouts(): FrontTimeouts {
    return this.site?.front.timeouts ?? DEFAULT_TIMEOUTS;
  }

  private isReaching(): boolean {
    return this.phase === "reaching";
  }

  private armRequest(): void {
    const { timeouts, upload, upstream } = this;
    const body = upstream && upstream.wire.queued > HIGH_WATER ? timeouts.bodyIdleMs : timeouts.clientMs;
    this.client.dueAt = this.service.deadlines.in(upload.complete ? timeouts.responseHeadersMs : body);
  }

  private armAnswer(): void {
    this.client.dueAt = this.service.deadlines.in(this.streaming ? 0 : this.timeouts.bodyIdleMs);
  }

  private goOn(slow: Wire): void {
    this.queuedBefore = slow.queued;
    this.client.dueAt = this.service.deadlines.in(this.timeouts.bodyIdleMs);
  }

  private withCookie(head: Buffer): Buffer {
    const { sticky } = this.site?.front ?? {};
    const stick = this.reach?.lease?.newStick;
    if (!sticky || !("cookie" in sticky) || stick === undefined) return head;
    const cookie = stickyCookie(sticky.cookie, { stick, secure: this.client.wire.secure });
    return Buffer.concat([head.subarray(0, -2), Buffer.from(`Set-Cookie: ${cookie}\r\n\r\n`, "latin1")]);
  }
}
