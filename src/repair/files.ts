import { createHash } from "node:crypto";
import {
  constants,
  createReadStream,
  fstatSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
  fsyncSync,
} from "node:fs";
import { join } from "node:path";
import { errnoOf, OrcoError } from "../kernel/errors.ts";
import { rfc3339 } from "../kernel/rfc3339.ts";
import type { RepairArtifact } from "./view.ts";

/** What one log of a run holds at most; more is counted, and told at its end. */
const MAX_LOG_BYTES = 32 * 1024 * 1024;
const FULL = `\n... this log is full at ${MAX_LOG_BYTES} bytes; what came after is not kept\n`;
const RUN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const NAME = /^[a-z][a-z0-9-]{0,40}\.(?:log|json|diff)$/;
const TYPES: Readonly<Record<string, string>> = { log: "log", json: "plan", diff: "diff" };

/**
 * The artifacts of repairs, `<root>/<run>/<name>`: logs grow line by line, the others are there whole or not at all. Files are 0600, links are not
 * followed. What is written here is masked by who writes it.
 */
export class RepairFiles {
  private readonly hashes = new Map<string, { readonly looks: string; readonly sha256: string }>();

  constructor(readonly root: string) {}

  /** One line more; `disk_full` where there is no room. A log that is full says so once, and takes nothing more. */
  append(run: string, name: string, lines: readonly string[]): void {
    if (lines.length === 0) return;
    const fd = this.openFor(run, name, constants.O_APPEND);
    try {
      const { size } = fstatSync(fd);
      if (size >= MAX_LOG_BYTES) return;
      const bytes = Buffer.from(`${lines.join("\n")}\n`);
      const left = MAX_LOG_BYTES - size;
      writeAll(fd, bytes.length <= left ? bytes : Buffer.concat([bytes.subarray(0, left), Buffer.from(FULL)]));
    } catch (error) {
      throw asTold(error, name);
    } finally {
      closeSync(fd);
    }
  }

  /** Whole or not at all, on disk when it returns. */
  put(run: string, name: string, text: string): void {
    const temporary = `.${name}.tmp`;
    const fd = this.openFor(run, temporary, constants.O_TRUNC);
    try {
      writeAll(fd, Buffer.from(text));
      fsyncSync(fd);
    } catch (error) {
      throw asTold(error, name);
    } finally {
      closeSync(fd);
    }
    renameSync(join(this.folder(run), temporary), join(this.folder(run), checked(name)));
  }

  /** Undefined where there is none. */
  async text(run: string, name: string): Promise<string | undefined> {
    return (await this.has(run, name)) ? Bun.file(join(this.folder(run), checked(name))).text() : undefined;
  }

  /** Takes over a file of another run; nothing where there is none. */
  async take(run: string, from: string, name: string): Promise<void> {
    const text = await this.text(from, name);
    if (text !== undefined) this.put(run, name, text);
  }

  /** By name. */
  async list(run: string): Promise<readonly RepairArtifact[]> {
    const found = await Promise.all(this.names(run).map((name) => this.facts(run, name)));
    return found.filter((one) => one !== undefined);
  }

  /** Throws `not_found`. */
  async open(run: string, name: string): Promise<{ readonly artifact: RepairArtifact; readonly body: ReadableStream<Uint8Array> }> {
    const artifact = NAME.test(name) ? await this.facts(run, name) : undefined;
    if (!artifact) {
      const names = this.names(run);
      const there = names.length > 0 ? `it has ${names.join(", ")}` : "it has left none yet";
      throw new OrcoError("not_found", `the run has no artifact ${JSON.stringify(name.slice(0, 100))}: ${there}`, { run, names });
    }
    // A log may grow meanwhile: as much as its hash is of.
    const body = Bun.file(join(this.folder(run), name))
      .slice(0, artifact.size_bytes)
      .stream();
    return { artifact, body };
  }

  remove(run: string): void {
    for (const key of this.hashes.keys()) if (key.startsWith(`${run}/`)) this.hashes.delete(key);
    rmSync(this.folder(run), { recursive: true, force: true });
  }

  /** Nothing where there is none. */
  drop(run: string, name: string): void {
    rmSync(join(this.folder(run), checked(name)), { force: true });
    this.hashes.delete(`${run}/${name}`);
  }

  private async has(run: string, name: string): Promise<boolean> {
    return (await this.facts(run, name)) !== undefined;
  }

  private names(run: string): string[] {
    try {
      return readdirSync(this.folder(run))
        .filter((name) => NAME.test(name))
        .toSorted();
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return [];
      throw error;
    }
  }

  private async facts(run: string, name: string): Promise<RepairArtifact | undefined> {
    const path = join(this.folder(run), checked(name));
    const fd = openPlain(path);
    if (fd === undefined) return undefined;
    try {
      const { size, mtimeMs } = fstatSync(fd);
      const sha256 = await this.hashOf(`${run}/${name}`, { path, size, looks: `${size}:${mtimeMs}` });
      return {
        name,
        type: TYPES[name.split(".").at(-1) ?? ""] ?? "log",
        sha256,
        size_bytes: size,
        created_at: rfc3339(Math.floor(mtimeMs)),
      };
    } finally {
      closeSync(fd);
    }
  }

  private async hashOf(key: string, { path, size, looks }: { path: string; size: number; looks: string }): Promise<string> {
    const known = this.hashes.get(key);
    if (known?.looks === looks) return known.sha256;
    const hash = createHash("sha256");
    if (size > 0) for await (const chunk of createReadStream(path, { end: size - 1 })) hash.update(chunk as Buffer);
    const sha256 = hash.digest("hex");
    this.hashes.set(key, { looks, sha256 });
    return sha256;
  }

  private openFor(run: string, name: string, how: number): number {
    const folder = this.folder(run);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return openSync(join(folder, name), constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | how, 0o600);
  }

  private folder(run: string): string {
    if (!RUN.test(run)) throw new OrcoError("invalid", `${JSON.stringify(run)} is no id of a run`, { run });
    return join(this.root, run);
  }
}

function checked(name: string): string {
  if (NAME.test(name)) return name;
  throw new OrcoError("invalid", `${JSON.stringify(name)} is no name of an artifact`, { name });
}

function openPlain(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ELOOP") return undefined;
    throw error;
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

function asTold(error: unknown, name: string): unknown {
  const errno = errnoOf(error);
  if (errno !== "ENOSPC" && errno !== "EDQUOT") return error;
  return new OrcoError("disk_full", `${name} does not fit: make space on the disk`, { name }, { cause: error });
}
