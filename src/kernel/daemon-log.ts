import { copyFileSync, fstatSync, ftruncateSync, statSync } from "node:fs";
import pino, { type Logger } from "pino";

/** One file of this size and one before it: the daemon's own log is bounded like any other. */
const MAX_BYTES = 16 * 1024 * 1024;

/** What waits in memory while the disk is full; lines beyond are dropped. */
const MAX_WAITING_CHARS = 1024 * 1024;

const ERROR = 50;
/** Asks pino for `lastLevel`. */
const WITH_LEVEL: unique symbol = Symbol.for("pino.metadata");

/** Lines of one turn go in one write; above this they do not wait for its end. */
const MAX_TURN_CHARS = 64 * 1024;

/** JSON lines on standard error, written as the turn ends so that no answer waits for them; errors, and what is left at the exit, at once. A log that cannot be written fails nobody. */
export function daemonLog(level: string): Logger {
  return daemonLogs(level).log;
}

/** A write for each line would be a tenth of what a request costs. */
class TurnOfLines {
  readonly [WITH_LEVEL] = true;
  lastLevel = 0;
  private lines = "";

  constructor(private readonly out: (lines: string) => void) {}

  write(line: string): void {
    if (this.lines === "") setImmediate(() => this.flush());
    this.lines += line;
    if (this.lastLevel >= ERROR || this.lines.length >= MAX_TURN_CHARS) this.flush();
  }

  flush(): void {
    const { lines } = this;
    this.lines = "";
    this.lastLevel = 0;
    if (lines !== "") this.out(lines);
  }
}

/** Where `fd` is the file `path`, opened for appending, moves what is old to `<path>.1`. A file of somebody else's choice is theirs to bound. */
export function boundLog(path: string, fd = 2): void {
  const ours = statSync(path, { throwIfNoEntry: false });
  const open = fstatSync(fd);
  if (!ours || open.size < MAX_BYTES || open.ino !== ours.ino || open.dev !== ours.dev) return;
  copyFileSync(path, `${path}.1`);
  ftruncateSync(fd);
}

/** More lines than this do not wait. */
const MAX_LATER = 1024;
const LATER_MS = 10;

export type LaterLog = Readonly<Record<"info" | "warn", (fields: object, message: string) => void>>;

/**
 * A log, and `later` for lines of what is answered by the thousand, some of which are made and written together, up to 10 ms later, with their own time.
 * Fields are not changed after they were given.
 */
export function daemonLogs(level: string): { readonly log: Logger; readonly later: LaterLog } {
  const destination = pino.destination({ dest: 2, sync: true, maxLength: MAX_WAITING_CHARS });
  destination.on("error", () => undefined);
  const turn = new TurnOfLines((lines) => destination.write(lines));
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: byName } }, turn);
  const later = new LaterLines((line) => turn.write(line));
  const at = (name: "info" | "warn") => (fields: object, message: string) => {
    if (log.isLevelEnabled(name)) later.add({ level: name, at: Date.now(), fields, message });
  };
  process.once("exit", () => {
    later.flush();
    turn.flush();
  });
  return { log, later: { info: at("info"), warn: at("warn") } };
}

/** As people and other tools know levels. */
function byName(level: string): { level: string } {
  return { level };
}

interface LaterLine {
  readonly level: string;
  /** Epoch ms. */
  readonly at: number;
  readonly fields: object;
  readonly message: string;
}

/** The form is pino's, without what it does for loggers of other shapes. */
class LaterLines {
  private readonly lines: LaterLine[] = [];

  constructor(private readonly write: (line: string) => void) {}

  add(line: LaterLine): void {
    const count = this.lines.push(line);
    if (count === 1) setTimeout(() => this.flush(), LATER_MS);
    else if (count >= MAX_LATER) this.flush();
  }

  flush(): void {
    for (const { level, at, fields, message } of this.lines.splice(0))
      this.write(`${JSON.stringify({ level, time: new Date(at).toISOString(), ...fields, msg: message })}\n`);
  }
}
