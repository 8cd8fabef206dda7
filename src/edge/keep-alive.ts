import { openC } from "../kernel/libc.ts";

const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
/** A peer that vanished without a word is found within two minutes: seconds of silence, seconds between probes, probes. */
const [IDLE_S, INTERVAL_S, PROBES] = [60, 15, 4];

/**
 * Makes the kernel probe silent peers of a listener: connections that it accepts inherit this from it (tcp(7)), so it costs them no call.
 * False where it could not be set: a connection whose peer lost its power then stays until somebody writes to it.
 */
export function probeSilentPeers(listener: number): boolean {
  const libc = openC({ setsockopt: { args: ["i32", "i32", "i32", "buffer", "u32"], returns: "i32" } });
  if (!libc) return false;
  const set = (level: number, option: number, value: number): boolean =>
    libc.symbols.setsockopt(listener, level, option, Buffer.from(Int32Array.of(value).buffer), 4) === 0;
  const timing = [
    [TCP_KEEPIDLE, IDLE_S],
    [TCP_KEEPINTVL, INTERVAL_S],
    [TCP_KEEPCNT, PROBES],
  ] as const;
  const done = set(SOL_SOCKET, SO_KEEPALIVE, 1) && timing.every(([option, value]) => set(IPPROTO_TCP, option, value));
  libc.close();
  return done;
}
