import { Transport } from "../client/transport.ts";
import { type Clock } from "../kernel/clock.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { Heartbeat, HeartbeatPool, HeartbeatReply, Registration } from "../inference/nodes/node.ts";
import type { PoolView } from "../inference/pools/pool.ts";
import type { Book } from "./book.ts";
import type { ControlPlane } from "./heart.ts";

const ASK_TIMEOUT_MS = 5_000;
const LOOK_EVERY_MS = 1_000;
/** A daemon that is replaced by a newer one is away for about a second; what it runs goes on. */
const AWAY_LOOKS = 5;

export interface WatchOptions {
  readonly socket: string;
  readonly clock: Clock;
  readonly book: Book;
  readonly onChange: () => void;
}

/** Keeps the book: asks the daemon of this machine for its pools once a second, until told to stop. */
export async function watchPools({ socket, clock, book, onChange }: WatchOptions, stop: AbortSignal): Promise<void> {
  const daemon = new Transport({ socket }, clock);
  let misses = 0;
  while (!stop.aborted) {
    try {
      const { pools } = await daemon.json<{ readonly pools: readonly PoolView[] }>("/v2/pools", {
        timeoutMs: ASK_TIMEOUT_MS,
        signal: stop,
      });
      misses = 0;
      const changed = book.trouble !== undefined || !Bun.deepEquals(pools, book.pools);
      book.pools = pools;
      book.trouble = undefined;
      if (changed) onChange();
    } catch (error) {
      misses += 1;
      if (misses === AWAY_LOOKS) {
        book.trouble = messageOf(error);
        onChange();
      }
    }
    await clock.sleep(LOOK_EVERY_MS, stop).catch(() => undefined);
  }
}

/** The control plane at a URL. */
export class RemoteControl implements ControlPlane {
  private readonly transport: Transport;

  constructor(
    private readonly id: string,
    { url, key, clock }: { url: string; key?: string; clock: Clock },
    private readonly cut: AbortSignal,
  ) {
    this.transport = new Transport({ url, ...(key !== undefined && { apiKey: key }) }, clock);
  }

  register(node: Registration): Promise<HeartbeatReply> {
    return this.transport.json("/v2/nodes/register", { method: "POST", body: node, timeoutMs: ASK_TIMEOUT_MS, signal: this.cut });
  }

  heartbeat(pools: readonly HeartbeatPool[]): Promise<HeartbeatReply> {
    const body: Heartbeat = { timestamp: new Date().toISOString(), pools };
    return this.transport.json(`${this.path}/heartbeat`, { method: "POST", body, timeoutMs: ASK_TIMEOUT_MS, signal: this.cut });
  }

  /** Also after `cut`. Said twice where the connection was cut under it: what `cut` ended may have been on the same one. A node that it does not know has left. */
  async leave(timeoutMs: number): Promise<void> {
    const say = (): Promise<unknown> => this.transport.open(this.path, { method: "DELETE", timeoutMs });
    const codeOf = (error: unknown): string | undefined => (error instanceof OrcoError ? error.code : undefined);
    await say()
      .catch((error: unknown) => {
        if (codeOf(error) !== "unreachable") throw error;
        return say();
      })
      .catch((error: unknown) => {
        if (codeOf(error) !== "NOT_FOUND") throw error;
      });
  }

  private get path(): string {
    return `/v2/nodes/${encodeURIComponent(this.id)}`;
  }
}
