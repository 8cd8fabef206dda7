import { createHash, timingSafeEqual } from "node:crypto";
import type { RequestHead } from "../edge/http1/message.ts";
import { assertHost } from "../http/host.ts";
import { OrcoError } from "../kernel/errors.ts";

export interface GateOptions {
  /** Opens everything; absent: no key is needed. */
  readonly apiKey?: string;
  /** Opens the relay alone; the control plane is told it when this node registers. */
  readonly relayKey?: string;
  /** Bound to loopback: only its own names are answered to (DNS rebinding). */
  readonly loopbackOnly: boolean;
}

/** Who may come in; the rules are those of the daemon. */
export class Gate {
  constructor(private readonly options: GateOptions) {}

  /** Throws `invalid`, `forbidden`, `unauthorized`. */
  admit(head: RequestHead, door: "open" | "api" | "relay"): void {
    const { apiKey, relayKey, loopbackOnly } = this.options;
    assertHost(head.host === "" ? undefined : head.host, loopbackOnly);
    if (valueOf(head, "origin") !== undefined) throw new OrcoError("forbidden", "pages of browsers have nothing to ask of a node");
    if (door === "open" || apiKey === undefined) return;
    const offered = valueOf(head, "x-api-key") ?? /^bearer\s+(.*)$/i.exec(valueOf(head, "authorization") ?? "")?.[1];
    const keys = door === "relay" && relayKey !== undefined ? [apiKey, relayKey] : [apiKey];
    if (offered !== undefined && keys.some((key) => isSame(key, offered))) return;
    throw new OrcoError(
      "unauthorized",
      offered === undefined ? "send the node's key as Authorization: Bearer … or X-API-Key" : "the key is wrong",
    );
  }
}

function valueOf({ headers }: RequestHead, wanted: string): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
}

/** In constant time. */
function isSame(one: string, other: string): boolean {
  return timingSafeEqual(digest(one.trim()), digest(other.trim()));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
