import type * as Libc from "../kernel/libc.ts";

const LOOK_MS = 500;
const STDOUT = 1;
/** Of poll(2), asked for or not: the other end of a pipe is closed, or that of a socket or terminal. */
const POLLERR = 0x8;
const POLLHUP = 0x10;

/**
 * Calls `gone` once nobody reads standard output any more, also while there is nothing to write (`orco events -F | head -1`): a write of no bytes
 * would not tell. Returns what ends the watch. It keeps no process alive.
 */
export function onUnread(gone: () => void): () => void {
  let isUnread: (() => boolean) | undefined;
  const timer = setInterval(() => {
    isUnread ??= poller();
    if (!isUnread()) return;
    clearInterval(timer);
    gone();
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function poller(): () => boolean {
  // Loaded when somebody waits: most commands end sooner. `require`, so that the bundler sees it.
  const libc = (require("../kernel/libc.ts") as typeof Libc).openC({ poll: { args: ["buffer", "u64", "i32"], returns: "i32" } })?.symbols;
  if (!libc) return () => false;
  // struct pollfd: i32 fd, i16 events, i16 revents.
  const polled = new DataView(new ArrayBuffer(8));
  polled.setInt32(0, STDOUT, true);
  return () => libc.poll(new Uint8Array(polled.buffer), 1, 0) > 0 && (polled.getInt16(6, true) & (POLLERR | POLLHUP)) !== 0;
}
