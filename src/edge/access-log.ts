import { closeSync, fstatSync, openSync, statSync, writeSync } from "node:fs";
import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { messageOf } from "../kernel/errors.ts";
import type { AccessRecord } from "./http/service.ts";

/** Lines wait this long, or until there are this many bytes of them. */
const FLUSH_MS = 100;
const FLUSH_BYTES = 64 * 1024;

/** JSON leaves them as they are, and terminals obey them: 0x9b begins a command like ESC [. */
const TERMINAL_CONTROLS = /[\u007f-\u009f]/g;

interface File {
  readonly path: string;
  readonly fd: number;
}

/**
 * JSON lines, appended (O_APPEND) by every worker to the same file: each write holds whole lines. A file that was renamed away, as
 * logrotate does, is opened anew. When it cannot be written its lines are lost and requests are not: that is said once.
 */
export class AccessLog {
  private file: File | undefined;
  private path: string | undefined;
  private lines: string[] = [];
  private bytes = 0;
  private cancel: CancelTimer | undefined;
  private failed = false;

  constructor(
    private readonly clock: Clock,
    private readonly warn: (message: string) => void,
  ) {}

  /** Undefined when none is written: no record needs to be made then. */
  get writer(): ((record: AccessRecord) => void) | undefined {
    return this.path === undefined ? undefined : this.write;
  }

  /** From now on; what was said before goes where it belonged. */
  use(path: string | undefined): void {
    if (path === this.path) return;
    this.flush();
    this.close();
    this.path = path;
    this.failed = false;
  }

  private readonly write = (record: AccessRecord): void => {
    const line = `${JSON.stringify(record).replace(TERMINAL_CONTROLS, escaped)}\n`;
    this.lines.push(line);
    this.bytes += line.length;
    if (this.bytes >= FLUSH_BYTES) this.flush();
    else this.cancel ??= this.clock.after(FLUSH_MS, () => this.flush());
  };

  flush(): void {
    this.cancel?.();
    this.cancel = undefined;
    const { lines, path } = this;
    if (lines.length === 0 || path === undefined) return;
    this.lines = [];
    this.bytes = 0;
    try {
      writeAll(this.fdOf(path), Buffer.from(lines.join("")));
      this.failed = false;
    } catch (error) {
      this.close();
      if (!this.failed) this.warn(`the access log ${path} cannot be written: ${messageOf(error)}; requests go on without it`);
      this.failed = true;
    }
  }

  private fdOf(path: string): number {
    if (this.file && !isStill(this.file)) this.close();
    this.file ??= { path, fd: openSync(path, "a", 0o640) };
    return this.file.fd;
  }

  private close(): void {
    if (this.file) closeSync(this.file.fd);
    this.file = undefined;
  }
}

/** Whether the path still names the file that is open. */
function isStill({ path, fd }: File): boolean {
  const now = statSync(path, { throwIfNoEntry: false });
  const ours = fstatSync(fd);
  return now !== undefined && now.ino === ours.ino && now.dev === ours.dev;
}

function escaped(character: string): string {
  return `\\u00${character.charCodeAt(0).toString(16)}`;
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}
