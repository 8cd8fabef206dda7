import { closeSync, constants, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { errnoOf } from "../../kernel/errors.ts";

const NAME = "intent.json";
const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .nullable();
const mode = z.number().int().min(0).max(0o7777);

const Intent = z.strictObject({
  version: z.literal(1),
  files: z.array(
    z.strictObject({
      path: z.string(),
      pre: hash,
      post: hash,
      /** Of the file as it was; of a new one as it will be. */
      looks: z.strictObject({ mode, uid: z.number(), gid: z.number(), mtimeMs: z.number().optional() }),
      /** Beside the file: what is put there, and what was. */
      temp: z.string().regex(/^\.orco-[0-9a-f]{24}$/),
    }),
  ),
  /** That were not there before, outermost first. */
  folders: z.array(z.string()),
});

/** What is about to be written, on disk before the first byte of it is. */
export type Intent = z.output<typeof Intent>;
export type IntentFile = Intent["files"][number];

/** The folder that a patch keeps what it overwrites in. */
export class Keep {
  constructor(private readonly folder: string) {}

  /** `pres[i]`: the bytes of `intent.files[i]` as they are now. */
  write(intent: Intent, pres: readonly (Buffer | null)[]): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    for (const [index, bytes] of pres.entries()) if (bytes) this.put(`${index}.pre`, bytes);
    this.put(`.${NAME}`, Buffer.from(JSON.stringify(intent)));
    renameSync(join(this.folder, `.${NAME}`), join(this.folder, NAME));
    for (const folder of [this.folder, dirname(this.folder)]) syncPath(folder);
  }

  /** undefined: nothing was written, or it was taken back. */
  read(): Intent | undefined {
    try {
      return Intent.parse(JSON.parse(readFileSync(join(this.folder, NAME), "utf8")));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  pre(index: number): Buffer {
    return readFileSync(join(this.folder, `${index}.pre`));
  }

  /** Bytes that were found and are nobody's: not thrown away. */
  putAside(name: string, bytes: Buffer): void {
    this.put(`${name}.found`, bytes);
  }

  /** It is all as it was. */
  takenBack(): void {
    if (!existsSync(join(this.folder, NAME))) return;
    renameSync(join(this.folder, NAME), join(this.folder, "taken-back.json"));
    syncPath(this.folder);
  }

  private put(name: string, bytes: Buffer): void {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
    const fd = openSync(join(this.folder, name), flags, 0o600);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

function syncPath(folder: string): void {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
