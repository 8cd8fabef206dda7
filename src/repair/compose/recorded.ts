import { createHash, randomUUID } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { canonical } from "../../kernel/canonical.ts";
import { errnoOf, OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import { makePrivateFolder, memoryFolders, privateFolderAt, removePrivateFolder } from "../../supervise/private-folder.ts";
import { VALUES as FOLDER_OF_VALUES } from "../folder.ts";
import type { Before } from "../target.ts";
import { type Reference, valueAt, withReferences } from "./references.ts";

const BEFORE = "before.json";
const CONFIG = "effective.json";
const REFERENCES = "references.json";
const VALUES = "values.json";
const BROUGHT = "brought.json";

interface Kept {
  /** Of the whole rendered file, hex. */
  readonly sha256: string;
  readonly references: readonly Reference[];
}

/**
 * What a run has noted of the time before it, in a folder of its own (0700): the effective configuration with references in the place of secrets.
 * Their values are kept in memory only; after a restart of the machine they are looked up where they stood.
 */
export class Recorded {
  constructor(
    private readonly folder: string,
    private readonly env: Readonly<Record<string, string | undefined>>,
  ) {}

  get configFile(): string {
    return join(this.folder, CONFIG);
  }

  /** What `finish` has noted, if it came to that. */
  before(): Before | undefined {
    return this.read(join(this.folder, BEFORE)) as Before | undefined;
  }

  keep(config: JsonObject, clean: (text: string) => string): void {
    const { config: written, references, values } = withReferences(config, clean);
    this.write(this.folder, CONFIG, written);
    this.write(this.folder, REFERENCES, { sha256: hashOf(config), references } satisfies Kept);
    const { path } = makePrivateFolder({
      at: join(this.folder, FOLDER_OF_VALUES),
      name: `repair-${randomUUID()}`,
      bases: memoryFolders(this.env),
    });
    this.write(path, VALUES, values);
  }

  finish(before: Before): Before {
    this.write(this.folder, BEFORE, before);
    return before;
  }

  /** The build that the repair is about to start. */
  bring(digest: string): void {
    this.write(this.folder, BROUGHT, { digest });
  }

  brought(): string | undefined {
    return (this.read(join(this.folder, BROUGHT)) as { readonly digest: string } | undefined)?.digest;
  }

  /** With references. */
  config(): JsonObject {
    return (this.read(this.configFile) ?? {}) as JsonObject;
  }

  /** Whether that is the configuration of then. */
  isStill(config: JsonObject): boolean {
    return this.kept().sha256 === hashOf(config);
  }

  /**
   * Fills the references of the configuration. `today`: where to look after a restart of the machine. Throws `start_failed` for a value that is nowhere
   * any more.
   */
  async values(today: () => Promise<JsonObject | undefined>): Promise<Readonly<Record<string, string>>> {
    const { references } = this.kept();
    const memory = privateFolderAt(join(this.folder, FOLDER_OF_VALUES));
    const known = (this.read(join(memory, VALUES)) ?? {}) as Record<string, string>;
    const lost = references.filter(({ variable }) => known[variable] === undefined);
    if (lost.length === 0) return known;
    const config = await today();
    const found = lost.map(({ variable, path }) => {
      const value = config && valueAt(config, path);
      if (value !== undefined) return [variable, value] as const;
      const message = `the value of ${path.join(".")} is neither in memory nor in the compose file any more: put it back there, and restore again`;
      throw new OrcoError("start_failed", message, { path: path.join(".") });
    });
    return { ...known, ...Object.fromEntries(found) };
  }

  remove(): void {
    removePrivateFolder(join(this.folder, FOLDER_OF_VALUES));
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** An empty file: what is to be filled in comes from nowhere else. */
  emptyEnvFile(): string {
    this.put(this.folder, "empty.env", "");
    return join(this.folder, "empty.env");
  }

  /** A file of compose with values of its own; returns its path. */
  compose(name: string, config: JsonObject): string {
    this.write(this.folder, name, config);
    return join(this.folder, name);
  }

  private kept(): Kept {
    const kept = this.read(join(this.folder, REFERENCES)) as Kept | undefined;
    if (kept) return kept;
    throw new OrcoError("internal", `the configuration of before the repair is not in ${this.folder} any more`);
  }

  private read(path: string): unknown {
    try {
      return JSON.parse(readFileSync(path, "utf8")) as unknown;
    } catch (error) {
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
      throw error;
    }
  }

  private write(folder: string, name: string, value: unknown): void {
    this.put(folder, name, `${JSON.stringify(value, null, 1)}\n`);
  }

  /** Whole or not at all. */
  private put(folder: string, name: string, text: string): void {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const temporary = join(folder, `.${name}.tmp`);
    rmSync(temporary, { force: true });
    const fd = openSync(temporary, "wx", 0o600);
    try {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
      fsyncSync(fd);
    } catch (error) {
      if (errnoOf(error) !== "ENOSPC" && errnoOf(error) !== "EDQUOT") throw error;
      throw new OrcoError("disk_full", `${name} does not fit: make space on the disk`, { file: name }, { cause: error });
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, join(folder, name));
  }
}

function hashOf(config: JsonObject): string {
  return createHash("sha256").update(canonical(config)).digest("hex");
}
