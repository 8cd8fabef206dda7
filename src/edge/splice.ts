import type { Clock } from "../kernel/clock.ts";
import { FrameScanner, GOING_AWAY } from "./websocket-frames.ts";
import { HIGH_WATER, type Wire, type WireHandlers } from "./wire.ts";
import { ResetByPeer } from "./wire-ends.ts";

export interface SpliceOptions {
  readonly client: Wire;
  readonly target: Wire;
  readonly clock: Clock;
  /** Once, when both directions of the target are gone: it is not needed any more. The client may still read. */
  targetClosed(): void;
  /** Once, last: both are gone. */
  closed(error?: Error): void;
}

/** How long a client that was told of the end by a Close frame has to close. */
const GOODBYE_MS = 1_000;

/**
 * Two wires made one: every byte, the end of either direction and a reset pass through, and a slow reader stops its writer.
 * From `start` on both `handlers` are its own.
 */
export class Splice {
  private readonly clientSide: Side;
  private readonly targetSide: Side;
  private open = 2;
  private error: Error | undefined;

  /** `frames`: the bytes are a WebSocket's, and a cut says so to the client. */
  constructor(
    private readonly options: SpliceOptions,
    frames?: FrameScanner,
  ) {
    const { client, target } = options;
    this.clientSide = new Side(client, target, (error) => this.gone(error));
    this.targetSide = new Side(target, client, (error) => {
      options.targetClosed();
      this.gone(error);
    });
    this.targetSide.frames = frames;
  }

  /** Passes on what came with the head, if anything did, and lets both sides flow. An end that was told to former handlers is not known here. */
  start(fromClient?: Buffer, fromTarget?: Buffer): void {
    const { client, target } = this.options;
    const [clientGone, targetGone] = [client.closed, target.closed];
    client.handlers = this.clientSide;
    target.handlers = this.targetSide;
    if (fromClient?.length) this.clientSide.data(fromClient);
    if (fromTarget?.length) this.targetSide.data(fromTarget);
    if (clientGone) this.clientSide.close(new ResetByPeer());
    if (targetGone) this.targetSide.close(new ResetByPeer());
    if (target.queued <= HIGH_WATER) client.resume();
    if (client.queued <= HIGH_WATER) target.resume();
  }

  /** Ends both now. The client of a WebSocket gets a Close frame where one fits, everybody else a reset. */
  cut(): void {
    const { client, target } = this.options;
    const { frames } = this.targetSide;
    if (frames?.atBoundary && !frames.closing && !client.closed) this.sayGoodbye();
    else client.reset();
    target.reset();
  }

  private sayGoodbye(): void {
    const { client, clock } = this.options;
    this.clientSide.deaf = true;
    this.targetSide.deaf = true;
    client.write(GOING_AWAY);
    client.end();
    client.resume();
    clock.after(GOODBYE_MS, () => client.reset());
  }

  private gone(error: Error | undefined): void {
    this.error ??= error;
    if (--this.open === 0) this.options.closed(this.error);
  }
}

/** One direction: what `from` says goes to `to`. */
class Side implements WireHandlers {
  frames: FrameScanner | undefined;
  /** What comes is not wanted any more, and how it ends means nothing to the other side. */
  deaf = false;

  constructor(
    private readonly from: Wire,
    private readonly to: Wire,
    private readonly closed: (error?: Error) => void,
  ) {}

  data(bytes: Buffer): void {
    if (this.deaf) return;
    this.frames?.push(bytes);
    if (this.to.write(bytes) > HIGH_WATER) this.from.pause();
  }

  drain(): void {
    this.to.resume();
  }

  end(): void {
    if (!this.deaf) this.to.end();
  }

  close(error?: Error): void {
    if (error && !this.deaf) this.to.reset();
    this.closed(error);
  }
}
