import { type BodyScanner, bodyScanner } from "../http1/body.ts";
import type { Draft } from "../http1/draft.ts";
import type { Framing, Refusal } from "../http1/message.ts";
import { HIGH_WATER, type Wire } from "../wire.ts";
import { send } from "./send.ts";

const EMPTY = Buffer.alloc(0);
/** A body up to here is kept, so that it can be sent again. */
const MAX_REPLAY_BYTES = 64 * 1024;

/** What an upload tells whoever owns it. */
export interface UploadOwner {
  /** Bytes went on to the target; `queued`: more than it takes at the moment. */
  uploaded(queued: boolean): void;
  uploadRefused(refusal: Refusal): void;
}

/** The body of a request on its way to a target: kept until there is one, then passed through. */
export class Upload {
  /** All of it has arrived. */
  complete: boolean;
  /** Of the body so far, as received. */
  bytes = 0;
  private readonly scanner: BodyScanner | undefined;
  /** All bytes so far, as long as they may have to be sent, or sent again, and are few enough for that. */
  private kept: Buffer | undefined = EMPTY;
  /** It is somebody else's memory, and good until `own` only. */
  private borrowed = false;
  private wire: Wire | undefined;

  constructor(
    framing: Framing,
    private readonly owner: UploadOwner,
    /** Sending the request twice does no harm. */
    readonly again: boolean,
  ) {
    this.complete = framing.kind === "none" || (framing.kind === "length" && framing.bytes === 0);
    this.scanner = this.complete ? undefined : bodyScanner(framing);
  }

  /** The whole request can be sent again. */
  get replayable(): boolean {
    return this.complete && this.kept !== undefined;
  }

  /** Takes what belongs to the body and returns how many bytes that is. `borrow`: `own` follows while they are still good. */
  take(bytes: Buffer, borrow = false): number {
    if (this.complete || !this.scanner || bytes.length === 0) return 0;
    const scan = this.scanner.scan(bytes);
    if ("refused" in scan) {
      this.owner.uploadRefused(scan.refused);
      return bytes.length;
    }
    this.complete = scan.done;
    this.bytes += scan.consumed;
    const body = scan.consumed === bytes.length ? bytes : bytes.subarray(0, scan.consumed);
    this.keep(body, borrow);
    if (this.wire) this.owner.uploaded(this.wire.write(body) > HIGH_WATER);
    return scan.consumed;
  }

  /** Writes the head and what there is of the body; what comes later follows by itself. */
  sendTo(wire: Wire, head: Draft): void {
    this.wire = wire;
    send(wire, head, { body: this.kept ?? EMPTY });
    if (this.bytes > MAX_REPLAY_BYTES) this.kept = undefined;
  }

  /** What was borrowed is copied, unless it is on its way and not to be sent again: most bodies never are. */
  own(): void {
    if (!this.borrowed || !this.kept) return;
    this.borrowed = false;
    this.kept = this.wire && !this.again ? undefined : Buffer.from(this.kept);
  }

  private keep(body: Buffer, borrow: boolean): void {
    if (!this.kept) return;
    // Before there is a target nothing may be lost: the client is paused then, and one event carries 512 KiB at most.
    if (this.wire && (!this.again || this.bytes > MAX_REPLAY_BYTES)) this.kept = undefined;
    else if (this.kept.length > 0) this.kept = Buffer.concat([this.kept, body]);
    else {
      this.kept = borrow ? body : Buffer.from(body);
      this.borrowed = borrow;
    }
  }
}
