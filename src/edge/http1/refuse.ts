import type { Refusal, Refused } from "./message.ts";

/** `code` is what the X-Orco-Error header and the access log name; `detail` is a sentence for whoever sent the message. */
export function refuse(status: Refusal["status"], code: string, detail: string): Refused {
  return { kind: "refused", refusal: { status, code, detail } };
}
