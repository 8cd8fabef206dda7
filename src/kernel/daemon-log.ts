import { copyFileSync, fstatSync, ftruncateSync } from "node:fs";
import pino, { type Logger } from "pino";

/** One file of this size and one before it: the daemon's own log is bounded like any other. */
const MAX_BYTES = 16 * 1024 * 1024;

/** JSON lines on standard error, written at once so that a crash keeps the last of them. */
export function daemonLog(level: string): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }));
}

/** Where standard error is a regular file (`daemon.log`, opened for appending), moves what is old to `<path>.1`. */
export function boundLog(path: string): void {
  const stat = fstatSync(2);
  if (!stat.isFile() || stat.size < MAX_BYTES) return;
  copyFileSync(path, `${path}.1`);
  ftruncateSync(2);
}
