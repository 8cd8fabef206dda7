import type { WireHandlers } from "./wire.ts";

/** What a wire does until its owner has set handlers: it is paused, so there is nothing to lose. */
export const NO_HANDLERS: WireHandlers = { data() {}, drain() {}, end() {}, close() {} };

/** Told to `close` after `reset`: whoever shares the wire with the one who reset it learns that it was no clean end. */
export class ResetHere extends Error {
  readonly code = "ECONNABORTED";

  constructor() {
    super("the connection was reset by this side");
  }
}

export class ResetByPeer extends Error {
  readonly code = "ECONNRESET";

  constructor() {
    super("the connection was reset by the peer");
  }
}

/** An IPv4 peer of a listener on `::` is named as what it is. */
export function canonicalAddress(address: string | undefined): string {
  return address?.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : (address ?? "");
}
