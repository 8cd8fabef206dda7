import { type Clock } from "../kernel/clock.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { HeartbeatPool, HeartbeatReply, Registration } from "../inference/nodes/node.ts";

/** The control plane, as this node speaks to it. Throws `OrcoError`. */
export interface ControlPlane {
  register(node: Registration): Promise<HeartbeatReply>;
  /** NOT_FOUND: it has forgotten this node. */
  heartbeat(pools: readonly HeartbeatPool[]): Promise<HeartbeatReply>;
}

export interface HeartOptions {
  readonly clock: Clock;
  readonly control: ControlPlane;
  readonly registration: () => Promise<Registration>;
  readonly pools: () => Promise<readonly HeartbeatPool[]>;
  /** One line each time that something becomes otherwise. */
  readonly say: (line: string) => void;
}

/** Full jitter between the two, so that a fleet does not come back at once. */
const BACKOFF_MS = { first: 500, last: 10_000 } as const;
const MIN_BEAT_MS = 50;
/** What trying again does not change. */
const FINAL: ReadonlySet<string> = new Set(["unauthorized", "forbidden", "INVALID_PARAMS"]);

/** Registers this node and says that it is there, until it is told to stop. What the control plane refuses at the first registration is thrown. */
export class Heart {
  private registered = false;
  private asked = false;
  private everRegistered = false;
  private failures = 0;
  private wake: (() => void) | undefined;
  private due = false;

  constructor(private readonly options: HeartOptions) {}

  /** The control plane has this node, or was asked to take it and its answer was lost. */
  get mayBeKnown(): boolean {
    return this.asked;
  }

  /** Something has changed: the next heartbeat is now. */
  beat(): void {
    this.due = true;
    // While the control plane is away there is nobody to be told sooner.
    if (this.failures === 0) this.wake?.();
  }

  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const waitMs = await this.once();
      if (waitMs > 0) await this.pause(waitMs, stop);
    }
  }

  /** Returns how long to wait. */
  private async once(): Promise<number> {
    this.due = false;
    try {
      const reply = await this.say();
      if (this.failures > 0 && this.everRegistered) this.options.say("the control plane answers again");
      this.failures = 0;
      this.everRegistered = true;
      return Math.max(MIN_BEAT_MS, Math.min(reply.next_heartbeat_ms, (reply.stale_ms ?? Infinity) / 3));
    } catch (error) {
      return this.failed(error);
    }
  }

  private async say(): Promise<HeartbeatReply> {
    const { control } = this.options;
    if (this.registered) return control.heartbeat(await this.options.pools());
    const node = await this.options.registration();
    this.asked = true;
    const reply = await control.register(node);
    this.registered = true;
    this.options.say(`registered as node ${node.node_id} at ${node.address}`);
    return reply;
  }

  private failed(error: unknown): number {
    const code = error instanceof OrcoError ? error.code : undefined;
    if (this.registered && code === "NOT_FOUND") {
      this.registered = false;
      this.asked = false;
      return 0;
    }
    if (!this.everRegistered && code !== undefined && FINAL.has(code)) throw error;
    if (this.failures === 0) this.options.say(`the control plane cannot be told: ${messageOf(error)}; it is tried again and again`);
    this.failures += 1;
    const { clock } = this.options;
    return Math.max(MIN_BEAT_MS, clock.random() * Math.min(BACKOFF_MS.last, BACKOFF_MS.first * 2 ** Math.min(this.failures, 10)));
  }

  private async pause(ms: number, stop: AbortSignal): Promise<void> {
    if (this.due && this.failures === 0) return;
    const woken = new AbortController();
    this.wake = () => woken.abort();
    await this.options.clock.sleep(ms, AbortSignal.any([stop, woken.signal])).catch(() => undefined);
    this.wake = undefined;
  }
}
