import { createHmac } from "node:crypto";
import { VERSION } from "../version.ts";

export interface WebhookRequest {
  readonly url: URL;
  readonly event: string;
  /** The same for every try of one message. */
  readonly delivery: string;
  /** JSON. */
  readonly body: string;
  /** Epoch ms. */
  readonly at: number;
  /** `signs`: `body`, or `timestamp.body` (both as sent, a dot between), which a replay with another timestamp fails. */
  readonly signature?: { readonly secret: string; readonly signs: "body" | "timestamp.body" };
}

/**
 * A POST as it goes over the wire: `X-Orco-Event`, `X-Orco-Delivery`, `X-Orco-Timestamp` (Unix seconds) and, with a secret,
 * `X-Orco-Signature: sha256=<hex HMAC-SHA256>`.
 */
export function webhookRequest({ url, event, delivery, body, at, signature }: WebhookRequest): Buffer {
  const timestamp = Math.floor(at / 1000);
  const fields = [
    `POST ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    `User-Agent: orco/${VERSION}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Orco-Event: ${event}`,
    `X-Orco-Delivery: ${delivery}`,
    `X-Orco-Timestamp: ${timestamp}`,
    ...(signature
      ? [`X-Orco-Signature: sha256=${sign(signature.secret, signature.signs === "body" ? body : `${timestamp}.${body}`)}`]
      : []),
    "Accept: */*",
    "Connection: close",
  ];
  return Buffer.from(`${fields.join("\r\n")}\r\n\r\n${body}`);
}

function sign(secret: string, text: string): string {
  return createHmac("sha256", secret).update(text).digest("hex");
}
