import type { Wire } from "../wire.ts";

/** Where heads meet the bodies behind them. A wire keeps none of the bytes it is given, so all messages can share it. */
const SHARED = Buffer.allocUnsafeSlow(64 * 1024);

/** Head and the beginning of the body in one write where they fit together, for one packet instead of two. */
export function writeMessage(wire: Wire, head: Buffer, body: Buffer): void {
  const length = head.length + body.length;
  if (body.length > 0 && length <= SHARED.length) {
    SHARED.set(head, 0);
    SHARED.set(body, head.length);
    wire.write(SHARED.subarray(0, length));
    return;
  }
  wire.write(head);
  if (body.length > 0) wire.write(body);
}
