import type { Draft } from "../http1/draft.ts";
import type { Wire } from "../wire.ts";

/** Head and the bytes of the body behind it (from `from` on) in one write where they fit together: one packet instead of two. */
export function send(wire: Wire, draft: Draft, { body, from = 0 }: { body: Buffer; from?: number }): void {
  if (draft.append(body, from)) {
    wire.write(draft.view());
    return;
  }
  wire.write(draft.view());
  wire.write(from === 0 ? body : body.subarray(from));
}
