import { errnoOf, messageOf, OrcoError } from "../kernel/errors.ts";
import { listenerKey, type ListenSpec } from "./route.ts";

/** Who listens on a port; undefined when nobody does any more. `pid` is absent when it is another user's. */
export type PortHolderOf = (port: number, host: string) => { readonly pid?: number; readonly command: string } | undefined;

/**
 * Whether workers will be able to listen there, found out by doing it. Not shared (no SO_REUSEPORT): of a stranger that shares the port
 * the kernel would let us take a part of the traffic only.
 * Throws `port_in_use` (facts: port, address, pid?, command?), `forbidden`, `invalid`.
 */
export function tryBind(listen: ListenSpec, holderOf: PortHolderOf): void {
  try {
    Bun.listen({ hostname: listen.address, port: listen.port, socket: { data: () => undefined } }).stop(true);
  } catch (error) {
    throw bindError(listen, errnoOf(error) ?? messageOf(error), holderOf);
  }
}

/** `code`: an errno, as the kernel or a worker told it. */
export function bindError(listen: ListenSpec, code: string, holderOf: PortHolderOf): OrcoError {
  const { address, port } = listen;
  const key = listenerKey(listen);
  const facts = { port, address };
  if (code === "EACCES" || code === "EPERM")
    return new OrcoError("forbidden", `listening on ${key} is not allowed for this user; choose a port of 1024 or above`, facts);
  if (code === "EADDRNOTAVAIL") return new OrcoError("invalid", `this machine has no address ${address}; listen on one it has`, facts);
  if (code !== "EADDRINUSE") return new OrcoError("unavailable", `nothing can listen on ${key}: ${code}`, facts);
  const holder = holderOf(port, address);
  const by = holder?.pid === undefined ? (holder?.command ?? "another process") : `pid ${holder.pid} (${holder.command})`;
  return new OrcoError("port_in_use", `${key} is held by ${by}; stop it, or choose another port`, { ...facts, ...holder });
}
