import { copyFileSync, fstatSync, ftruncateSync, statSync } from "node:fs";
import pino, { type Logger } from "pino";

/** One file of this size and one before it: the daemon's own log is bounded like any other. */
const MAX_BYTES = 16 * 1024 * 1024;

/** What waits in memory while the disk is full; lines beyond are dropped. */
const MAX_WAITING_CHARS = 1024 * 1024;

/** JSON lines on standard error, written at once so that a crash keeps the last of them. A log that cannot be written fails nobody. */
export function daemonLog(level: string): Logger {
  const destination = pino.destination({ dest: 2, sync: true, maxLength: MAX_WAITING_CHARS });
  destination.on("error", () => undefined);
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

/** Where `fd` is the file `path`, opened for appending, moves what is old to `<path>.1`. A file of somebody else's choice is theirs to bound. */
export function boundLog(path: string, fd = 2): void {
  const ours = statSync(path, { throwIfNoEntry: false });
  const open = fstatSync(fd);
  if (!ours || open.size < MAX_BYTES || open.ino !== ours.ino || open.dev !== ours.dev) return;
  copyFileSync(path, `${path}.1`);
  ftruncateSync(fd);
}
