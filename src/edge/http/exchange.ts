import type { Draft } from "../http1/draft.ts";
import { draftRequest, draftResponse, staysOpen } from "../http1/hop.ts";
import type { Refusal, RequestHead, ResponseHead } from "../http1/message.ts";
import { stickFrom } from "../pool/sticky.ts";
import { DEFAULT_TIMEOUTS } from "../route.ts";
import type { Splice } from "../splice.ts";
import { HIGH_WATER } from "../wire.ts";
import { Answer, type AnswerOwner, type Step } from "./answer.ts";
import type { ClientSide } from "./client-side.ts";
import { FAILURES, type Failure, pageOf } from "./page.ts";
import { Patience } from "./patience.ts";
import { Reach, type ReachOwner } from "./reach.ts";
import { seatLine } from "./seat.ts";
import type { Meter, Service, Site } from "./service.ts";
import { Tally, valueOf } from "./tally.ts";
import { tunnelOf } from "./tunnel.ts";
import { Upload, type UploadOwner } from "./upload.ts";
import type { Upstream, UpstreamUser } from "./upstream.ts";

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
  private readonly patience: Patience;
  private phase: Phase = "reaching";
  private upstream: Upstream | undefined;
  /** Told to the client with the head of the answer. */
  private keepAlive = false;
  /** An event stream: it may be silent for as long as it likes. */
  private streaming = false;
  private tunnel: Splice | undefined;
  /** Its first connection turned out to be closed. */
  private resent = false;

  constructor(
    private readonly client: ClientSide,
    readonly head: RequestHead,
    private readonly service: Service,
  ) {
    this.upload = new Upload(head.framing, this, IDEMPOTENT.has(head.method));
    this.answer = new Answer(head, client.wire, this);
    const site = service.sites.find(head.host);
    this.site = site;
    this.tally = new Tally(head, site, service);
    this.patience = new Patience(client, service.deadlines, site?.front.timeouts ?? DEFAULT_TIMEOUTS);
    const sticky = site?.front.sticky;
    this.reach = site && new Reach(this, { site, service }, sticky && stickFrom(sticky, head.headers));
  }

  /** `body`: what came behind the head. Returns how much of it belongs to the request. */
  start(body: Buffer): number {
    const used = this.upload.take(body, true);
    if (this.phase !== "reaching") return used;
    this.patience.none();
    if (this.reach) this.reach.start();
    else this.fail(FAILURES.no_such_host);
    this.upload.own();
    // Waiting for a target, the body of a big upload stays where it is.
    if (this.isReaching() && !this.upload.complete) this.client.wire.pause();
    return used;
  }

  get meter(): Meter | undefined {
    return this.site?.meter;
  }

  get repeatable(): boolean {
    return this.upload.again && this.upload.replayable;
  }

  clientDrain(): void {
    this.upstream?.wire.resume();
    if (this.phase === "answering") this.patience.answering(this.client.wire, this.streaming);
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
    if (this.patience.progressed(slow)) return;
    if (this.phase === "answering") this.cutClient("body_timeout");
    else this.fail(this.targetsTurn || slow.queued > 0 ? FAILURES.response_timeout : FAILURES.request_timeout);
  }

  reached(upstream: Upstream): void {
    this.upstream = upstream;
    upstream.user = this;
    this.phase = "asking";
    this.tally.target = upstream.target;
    const { wire, introduced } = this.client;
    const draft = draftRequest(this.head, {
      peer: wire.remoteAddress,
      proto: wire.secure ? "https" : "http",
      requestId: this.tally.ownId,
      trusted: this.service.trusts(wire.remoteAddress),
      introduced,
      targetHost: this.head.host === "" ? `${upstream.target.host}:${upstream.target.port}` : "",
    });
    this.upload.sendTo(upstream.wire, draft);
    this.patience.asking(upstream.wire, this.targetsTurn);
    if (!this.upload.complete) wire.resume();
  }

  unreachable(failure: Failure): void {
    this.fail(failure);
  }

  triedAgain(): void {
    this.tally.retried();
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

  uploaded(queued: boolean): void {
    if (!this.upstream) return;
    if (this.phase === "asking") this.patience.asking(this.upstream.wire, this.targetsTurn);
    else this.patience.answering(this.client.wire, this.streaming);
    if (queued && !this.upload.complete) this.client.wire.pause();
  }

  uploadRefused(refusal: Refusal): void {
    if (this.phase === "answering") this.cutClient(refusal.code);
    else this.fail(refusal);
  }

  targetDrain(): void {
    if (this.upload.complete || !this.upstream) return;
    this.client.wire.resume();
    if (this.phase === "asking") this.patience.asking(this.upstream.wire, this.targetsTurn);
  }

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

  answerHead(head: ResponseHead): Draft {
    const { upload, service, client, site } = this;
    const final = head.status >= 200;
    const returning = {
      clientVersion: this.head.version,
      keepAlive: this.head.keepAlive && upload.complete && !service.retiring && !client.ended,
      extra: final ? seatLine(this.reach?.lease, { site, secure: client.wire.secure }) : "",
    };
    if (final) {
      this.keepAlive = staysOpen(head, returning);
      this.streaming = head.framing.kind !== "length" && EVENT_STREAM.test(head.fields.text);
    }
    return draftResponse(head, returning);
  }

  private stepped(step: Step): void {
    switch (step) {
      case "more":
        return this.goOn();
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

  private goOn(): void {
    const { wire } = this.client;
    if (this.answer.head) this.phase = "answering";
    if (wire.queued > HIGH_WATER) this.upstream?.wire.pause();
    if (this.phase === "answering") this.patience.answering(wire, this.streaming);
  }

  private done(reusable: boolean): void {
    const { upstream, keepAlive } = this;
    if (upstream) {
      upstream.user = undefined;
      const sent = upstream.wire.queued === 0;
      if (reusable && sent) this.service.idle.put(upstream);
      else if (this.upload.complete && sent) upstream.finish();
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
    const { requestId } = this.tally;
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
    if (!stale || !this.repeatable || this.resent) return this.fail(FAILURES.target_closed);
    this.resent = true;
    this.phase = "reaching";
    this.patience.none();
    this.triedAgain();
    this.reach?.dialAgain();
  }

  /** 101: what follows is no HTTP. */
  private switch(): void {
    const { upstream, answer, client, reach, head, service } = this;
    if (!upstream || !answer.head || head.upgrade === undefined) return this.fail(FAILURES.target_invalid);
    this.phase = "passed";
    client.wire.write(this.answerHead(answer.head).view());
    const ends = { released: () => reach?.release(), closed: () => this.settle(101) };
    this.tunnel = tunnelOf({ client, upstream, clock: service.clock, protocol: head.upgrade, ...ends });
    this.tunnel.start(client.pass(), answer.rest);
    if (client.ended) upstream.wire.end();
  }

  private settle(status: number): void {
    this.phase = "over";
    this.reach?.release();
    const { upload, answer, client } = this;
    this.tally.finish({ status, bytesIn: upload.bytes, bytesOut: answer.bytes, client: client.wire.remoteAddress });
  }

  private get status(): number {
    return this.answer.head?.status ?? 0;
  }

  private isReaching(): boolean {
    return this.phase === "reaching";
  }

  /** The client has done its part: all of it is here, or it waits to be told to go on. */
  private get targetsTurn(): boolean {
    return this.upload.complete || (this.head.expectContinue && this.upload.bytes === 0);
  }
}
