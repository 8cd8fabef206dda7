import { OrcoError } from "../kernel/errors.ts";
import { isLoopback } from "./bind.ts";

/**
 * Refuses names that only DNS rebinding would bring to a loopback listener (quality.md, security corpus).
 * Any port passes: a forwarded one differs from ours. Throws `invalid` for no or several Hosts, `forbidden` for a foreign one.
 */
export function assertHost(header: string | undefined, loopbackOnly: boolean): void {
  if (header === undefined || !/^(?:\[[0-9a-f:.]+\]|[^\s,:/@\\?#]+)(?::\d{1,5})?$/i.test(header)) {
    throw new OrcoError("invalid", "exactly one Host header is needed");
  }
  if (!loopbackOnly) return;
  const name = header.replace(/:\d+$/, "");
  if (!isLoopback(name)) throw new OrcoError("forbidden", `this server answers to localhost, not to ${JSON.stringify(name.slice(0, 80))}`);
}
