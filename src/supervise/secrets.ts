import { chown, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, fileTrouble, OrcoError } from "../kernel/errors.ts";
import { readTextFile } from "../kernel/read-text.ts";
import { makePrivateFolder, memoryFolders, privateFolderAt, removePrivateFolder } from "./private-folder.ts";
import { runAs } from "./user.ts";

/** Where a secret's value is read from at each start, and how the process gets it. Paths are absolute. */
export interface SecretRef {
  readonly from: { readonly file: string } | { readonly env: string };
  readonly as: "env" | "file";
  readonly path?: string;
}

type Env = Readonly<Record<string, string | undefined>>;

const MAX_SECRET_BYTES = 1024 * 1024;

interface SecretsOptions {
  readonly instance: string;
  /** For those that become files: a private folder, or a link to it. */
  readonly dir: string;
  /** The daemon's own environment. */
  readonly daemonEnv: Env;
  readonly user?: string;
  /** False: it runs already; nothing is written, and nothing refused. */
  readonly write: boolean;
}

export interface Secrets {
  readonly variables: Readonly<Record<string, string>>;
  readonly values: readonly string[];
}

/**
 * Variables that carry secrets, or `ORCO_SECRETS_DIR`, which holds them as files (0400), in memory where this machine has any for files.
 * All are read before one is written. Throws `invalid` for one that cannot be read, `disk_full`, or `start_failed` for one that cannot be written.
 */
export async function giveSecrets(refs: Readonly<Record<string, SecretRef>>, options: SecretsOptions): Promise<Secrets> {
  const { dir, daemonEnv, write } = options;
  const all = await Promise.all(
    Object.entries(refs).map(async ([name, ref]) => ({ name, ref, value: await readSecret(name, ref, daemonEnv).catch(orNothing(write)) })),
  );
  const variables = Object.fromEntries(all.filter(({ ref }) => ref.as === "env").map(({ name, value }) => [name, value]));
  const files = all.filter(({ ref }) => ref.as === "file");
  if (files.length > 0) variables["ORCO_SECRETS_DIR"] = write ? await writeFiles(files, options) : privateFolderAt(dir);
  return { variables, values: all.map(({ value }) => value) };
}

/** It runs already: what it was given is no longer ours to refuse. */
function orNothing(write: boolean): (error: unknown) => string {
  return (error) => {
    if (write) throw error;
    return "";
  };
}

type SecretFile = { readonly name: string; readonly ref: SecretRef; readonly value: string };

async function writeFiles(files: readonly SecretFile[], { instance, dir, daemonEnv, user }: SecretsOptions): Promise<string> {
  const owner = user === undefined ? undefined : runAs(user);
  const folder = makePrivateFolder({ at: dir, name: `secrets-${instance}`, bases: memoryFolders(daemonEnv), ...(owner && { owner }) });
  try {
    for (const { name, ref, value } of files) {
      if (owner && ref.path === undefined && !folder.inMemory) throw unreachable(name, user);
      const path = ref.path ?? join(folder.path, name);
      await writeSecret(path, value, { instance, owner }).catch((error: unknown) => {
        const code = errnoOf(error) === "ENOSPC" ? "disk_full" : "start_failed";
        throw new OrcoError(code, `secret ${name}: cannot write ${path}: ${fileTrouble(error)}`, { secret: name, file: path });
      });
    }
  } catch (error) {
    removePrivateFolder(dir);
    throw error;
  }
  return folder.path;
}

function unreachable(name: string, user = ""): OrcoError {
  const message = `secret ${name}: ${user} cannot read files of orco's home, and no tmpfs (/run, /dev/shm) is there; give it a path, or as: env`;
  return new OrcoError("invalid", message, { secret: name });
}

/** Takes the place of what is there, a link too; other replicas may be reading it. */
async function writeSecret(
  path: string,
  value: string,
  { instance, owner }: { instance: string; owner: { uid: number; gid: number } | undefined },
): Promise<void> {
  const fresh = `${path}.${instance}`;
  try {
    await writeFile(fresh, value, { mode: 0o400, flag: "wx" });
    if (owner) await chown(fresh, owner.uid, owner.gid);
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

/** Throws `invalid` naming the secret and where it was looked for; never its value. */
export async function readSecret(name: string, ref: Pick<SecretRef, "from">, daemonEnv: Env): Promise<string> {
  if ("env" in ref.from) {
    const value = daemonEnv[ref.from.env];
    if (value !== undefined) return value;
    const message = `secret ${name}: ${ref.from.env} is not set in the daemon's environment; set it and start the daemon again`;
    throw new OrcoError("invalid", message, { secret: name });
  }
  const { file } = ref.from;
  try {
    return readTextFile(file, MAX_SECRET_BYTES).replace(/\r?\n$/, "");
  } catch (error) {
    throw new OrcoError("invalid", `secret ${name}: cannot read ${file}: ${fileTrouble(error)}`, { secret: name, file });
  }
}

/** Values as they are now, for redaction; those that cannot be read have none to hide. */
export function secretValues(refs: Readonly<Record<string, SecretRef>>, daemonEnv: Env): string[] {
  return Object.values(refs).flatMap(({ from }) => {
    const value = "env" in from ? daemonEnv[from.env] : readIfThere(from.file);
    return value === undefined || value === "" ? [] : [value.replace(/\r?\n$/, "")];
  });
}

function readIfThere(file: string): string | undefined {
  try {
    return readTextFile(file, MAX_SECRET_BYTES);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
