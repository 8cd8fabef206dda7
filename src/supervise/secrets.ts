import { readFileSync } from "node:fs";
import { chown, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, fileTrouble, OrcoError } from "../kernel/errors.ts";
import { runAs } from "./user.ts";

/** Where a secret's value is read from at each start, and how the process gets it. Paths are absolute. */
export interface SecretRef {
  readonly from: { readonly file: string } | { readonly env: string };
  readonly as: "env" | "file";
  readonly path?: string;
}

type Env = Readonly<Record<string, string | undefined>>;

interface SecretsOptions {
  readonly instance: string;
  /** For those that become files. */
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

/** Variables that carry secrets, or `ORCO_SECRETS_DIR`, which holds them as files (0400). Throws `invalid` for one that cannot be read. */
export async function giveSecrets(refs: Readonly<Record<string, SecretRef>>, options: SecretsOptions): Promise<Secrets> {
  const { dir, daemonEnv, write } = options;
  const variables: Record<string, string> = {};
  const values: string[] = [];
  for (const [name, ref] of Object.entries(refs)) {
    const value = await readSecret(name, ref, daemonEnv).catch((error: unknown) => {
      if (write) throw error;
      // It runs already: what it was given is no longer ours to refuse.
      return "";
    });
    values.push(value);
    if (ref.as === "env") {
      variables[name] = value;
      continue;
    }
    variables["ORCO_SECRETS_DIR"] = dir;
    if (!write) continue;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeSecret(ref.path ?? join(dir, name), value, options);
  }
  return { variables, values };
}

/** Takes the place of what is there, a link too; other replicas may be reading it. */
async function writeSecret(path: string, value: string, { instance, user }: SecretsOptions): Promise<void> {
  const fresh = `${path}.${instance}`;
  const owner = user === undefined ? undefined : runAs(user);
  await writeFile(fresh, value, { mode: 0o400, flag: "wx" });
  if (owner) await chown(fresh, owner.uid, owner.gid);
  await rename(fresh, path);
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
    return (await readFile(file, "utf8")).replace(/\r?\n$/, "");
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
    return readFileSync(file, "utf8");
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
