import type { Clock } from "../../kernel/clock.ts";
import { Splice } from "../splice.ts";
import { FrameScanner } from "../websocket-frames.ts";
import type { ClientSide } from "./client-side.ts";
import type { Upstream } from "./upstream.ts";

export interface TunnelEnds {
  readonly client: ClientSide;
  readonly upstream: Upstream;
  readonly clock: Clock;
  /** As the client asked for it. */
  readonly protocol: string;
  /** The target is not needed any more. */
  readonly released: () => void;
  readonly closed: () => void;
}

/** Both connections after a 101: what they carry is HTTP no more. To be started with what was read too far on either side. */
export function tunnelOf({ client, upstream, clock, protocol, released, closed }: TunnelEnds): Splice {
  upstream.user = undefined;
  const over = (): void => {
    upstream.close();
    closed();
    client.close();
  };
  const frames = protocol === "websocket" ? new FrameScanner() : undefined;
  return new Splice({ client: client.wire, target: upstream.wire, clock, targetClosed: released, closed: over }, frames);
}
