import type { Introduced } from "../http1/hop.ts";
import type { Wire } from "../wire.ts";

/** The connection that a request came on, as its exchange sees it. */
export interface ClientSide {
  readonly wire: Wire;
  /** What targets were last told of it. */
  readonly introduced: Introduced;
  /** No other request will come. */
  readonly ended: boolean;
  /** When `Exchange.expire` is called. */
  dueAt: number;
  /** The answer is written. */
  over(keepAlive: boolean): void;
  /** Somebody else takes the wire over; returns what was read too far. */
  pass(): Buffer;
  /** To be called by whoever took it over, when it is closed. */
  close(): void;
}
