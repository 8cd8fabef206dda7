import type { Target } from "../route.ts";
import type { Wire, WireHandlers } from "../wire.ts";
import type { Deadline, Deadlines } from "./deadlines.ts";

/** Whoever a connection to a target works for at the moment. */
export interface UpstreamUser {
  /** Bytes are only valid during the call. */
  targetData(bytes: Buffer): void;
  targetDrain(): void;
  /** It sends no more. */
  targetEnd(): void;
  /** Both directions are gone. */
  targetClose(): void;
}

/** How long a target has to close its side after we closed ours. */
const CLOSE_MS = 5_000;

/** One connection to a target: it works for one exchange after another, and idles between them. */
export class Upstream implements WireHandlers, Deadline {
  dueAt = Infinity;
  user: UpstreamUser | undefined;
  /** It has carried an answer before: the target may be closing it at this very moment. */
  reused = false;
  /** Monotonic ms. */
  idleSince = 0;
  private socket: Wire | undefined;
  private finished = false;

  constructor(
    readonly target: Target,
    private readonly deadlines: Deadlines,
    /** Called when it ends while nobody uses it. */
    private readonly forget: (idle: Upstream) => void,
  ) {}

  /** `wire` was made by a dial that got this as its handlers. */
  opened(wire: Wire): void {
    this.socket = wire;
    if (!wire.closed) this.deadlines.watch(this);
  }

  get wire(): Wire {
    if (!this.socket) throw new Error("a connection that is not open has no wire");
    return this.socket;
  }

  get usable(): boolean {
    return this.socket !== undefined && !this.socket.closed && !this.finished;
  }

  /** All that was asked for is answered. */
  finish(): void {
    this.user = undefined;
    if (!this.usable) return;
    this.finished = true;
    this.dueAt = this.deadlines.in(CLOSE_MS);
    this.wire.resume();
    this.wire.end();
  }

  /** The target learns at once that nobody wants its answer. */
  cancel(): void {
    this.user = undefined;
    this.finished = true;
    this.socket?.reset();
  }

  data(bytes: Buffer): void {
    if (this.user) this.user.targetData(bytes);
    else this.unused();
  }

  drain(): void {
    this.user?.targetDrain();
  }

  end(): void {
    if (this.user) this.user.targetEnd();
    else this.unused();
  }

  close(): void {
    this.deadlines.forget(this);
    const { user } = this;
    this.user = undefined;
    if (user) user.targetClose();
    else this.forget(this);
  }

  expire(): void {
    if (this.finished) this.cancel();
    else this.unused();
  }

  /** Bytes that nobody asked for, the target's end, or idle for too long. */
  private unused(): void {
    this.forget(this);
    this.finish();
  }
}
