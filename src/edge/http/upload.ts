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
  /** All bytes so far, as long as they are few enough to be sent again. */
  private kept: Buffer | undefined = EMPTY;
  private wire: Wire | undefined;

  constructor(
    framing: Framing,
    private readonly owner: UploadOwner,
  ) {
    this.complete = framing.kind === "none" || (framing.kind === "length" && framing.bytes === 0);
    this.scanner = this.complete ? undefined : bodyScanner(framing);
  }

  /** The whole request can be sent again. */
  get replayable(): boolean {
    return this.complete && this.kept !== undefined;
  }

  /** Takes what belongs to the body and returns how many bytes that is. */
  take(bytes: Buffer): number {
    if (this.complete || !this.scanner || bytes.length === 0) return 0;
    const scan = this.scanner.scan(bytes);
    if ("refused" in scan) {
      this.owner.uploadRefused(scan.refused);
      return bytes.length;
    }
    this.complete = scan.done;
    this.bytes += scan.consumed;
    const body = scan.consumed === bytes.length ? bytes : bytes.subarray(0, scan.consumed);
    this.keep(body);
    if (this.wire) this.owner.uploaded(this.wire.write(body) > HIGH_WATER);
    return scan.consumed;
  }

  /** Writes the head and what there is of the body; what comes later follows by itself. */
  sendTo(wire: Wire, head: Draft): void {
    this.wire = wire;
    send(wire, head, { body: this.kept ?? EMPTY });
    if (this.bytes > MAX_REPLAY_BYTES) this.kept = undefined;
  }

  private keep(body: Buffer): void {
    if (!this.kept) return;
    // Before there is a target nothing may be lost: the client is paused then, and one event carries 512 KiB at most.
    if (this.wire && this.bytes > MAX_REPLAY_BYTES) this.kept = undefined;
    else this.kept = this.kept.length === 0 ? Buffer.from(body) : Buffer.concat([this.kept, body]);
  }
}
