import { mkdirSync, openSync, readFileSync, renameSync, statSync, writeFileSync, closeSync } from "node:fs";
import { join } from "node:path";
import type { CgroupPaths } from "../cgroup.ts";
import type { Exit, Identity } from "../runtime.ts";
import { signalName } from "../signal.ts";
import { exitFile } from "./shim.ts";

/** Stands in the exit file until the code does, and takes its block: a shim can write the code though the disk is full by then. */
const NO_CODE_YET = " ";
/** A shell reports a child killed by signal n as 128 + n. */
const SIGNALED = 128;

/** What the next daemon needs to take over an instance: `meta.json`. */
export interface Meta {
  readonly instance: string;
  readonly user?: string;
  readonly identity: Identity;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly cgroups: CgroupPaths;
}

/** `instances/<id>/`: meta.json, stdout.spool, stderr.spool, exit. */
export class InstanceFolder {
  readonly spools: { readonly stdout: string; readonly stderr: string };

  constructor(readonly dir: string) {
    this.spools = { stdout: join(dir, "stdout.spool"), stderr: join(dir, "stderr.spool") };
  }

  /** Makes the folder and opens the spools for appending; whoever opens them closes them. */
  create(): { stdout: number; stderr: number; close(): void } {
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    writeFileSync(exitFile(this.dir), NO_CODE_YET, { mode: 0o600 });
    const stdout = openSync(this.spools.stdout, "a", 0o600);
    const stderr = openSync(this.spools.stderr, "a", 0o600);
    const close = (): void => [stdout, stderr].forEach((fd) => closeSync(fd));
    return { stdout, stderr, close };
  }

  /** No fsync: after a crash of the machine every instance is gone, whatever is written here. */
  writeMeta(meta: Meta): void {
    const file = join(this.dir, "meta.json");
    writeFileSync(`${file}.tmp`, JSON.stringify(meta), { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
  }

  readMeta(): Meta | undefined {
    try {
      return JSON.parse(readFileSync(join(this.dir, "meta.json"), "utf8")) as Meta;
    } catch {
      return undefined;
    }
  }

  /** Cheap: it is asked for ten times a second. */
  hasExit(): boolean {
    const size = statSync(exitFile(this.dir), { throwIfNoEntry: false })?.size ?? 0;
    return size > NO_CODE_YET.length && this.readExit(false) !== undefined;
  }

  /** What the shim wrote; undefined while it has not, or when it never could. */
  readExit(outOfMemory: boolean): Exit | undefined {
    try {
      const file = exitFile(this.dir);
      const text = readFileSync(file, "utf8");
      return text.endsWith("\n") ? exitOf(Number(text), { at: Math.round(statSync(file).mtimeMs), outOfMemory }) : undefined;
    } catch {
      return undefined;
    }
  }
}

function exitOf(code: number, { at, outOfMemory }: { at: number; outOfMemory: boolean }): Exit {
  const signal = code > SIGNALED ? signalName(code - SIGNALED) : undefined;
  if (signal === "SIGKILL" && outOfMemory) return { code, signal, reason: "oom_killed", at };
  return signal === undefined ? { code, reason: "exited", at } : { code, signal, reason: "signaled", at };
}
