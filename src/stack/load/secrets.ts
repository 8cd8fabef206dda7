import { posix, resolve } from "node:path";
import type { SecretRef } from "../../supervise/secrets.ts";
import type { ServiceSpec } from "../spec.ts";
import type { Declaration } from "./declaration.ts";
import type { DeclaredService } from "./shape.ts";

const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

interface SecretsContext {
  readonly here: Declaration;
  /** Of the stack; absolute. */
  readonly workdir: string;
  readonly runtime: ServiceSpec["runtime"];
}

/** References: a file of this machine or a variable of the daemon. A `path` of a container is one inside it. */
export function resolveSecrets(declared: DeclaredService, context: SecretsContext): Record<string, SecretRef> {
  const { here, workdir, runtime } = context;
  const found: Record<string, SecretRef> = {};
  const paths = new Map<string, string>();
  for (const [name, secret] of Object.entries(declared.secrets ?? {})) {
    const { as = "env", file, env } = secret;
    checkSecret(name, declared, context);
    const path = secret.path === undefined || runtime === "docker" ? secret.path : resolve(workdir, secret.path);
    const before = path === undefined ? undefined : paths.get(path);
    if (path !== undefined) paths.set(path, name);
    if (before !== undefined) here.fail(["secrets", name, "path"], `secret ${before} has this path already`);
    const from = file === undefined ? { env: env ?? "" } : { file: resolve(workdir, file) };
    found[name] = { from, as, ...(path !== undefined && { path }) };
  }
  return found;
}

function checkSecret(name: string, declared: DeclaredService, { here, runtime }: SecretsContext): void {
  const { file, env, as = "env", path } = declared.secrets?.[name] ?? {};
  const at = ["secrets", name];
  const inContainer = runtime === "docker";
  if ((file === undefined) === (env === undefined))
    here.fail(at, `secret ${name} comes from a file or from a variable (env): declare one of them`);
  if (path !== undefined && as !== "file") here.fail([...at, "path"], "path is for secrets that are files", "add as: file");
  if (as === "env" && declared.env && Object.hasOwn(declared.env, name)) here.fail(at, `${name} is declared under env as well`);
  // A shell drops other names, and what carries them around it can be read in the process list.
  if (!inContainer && as === "env" && !SHELL_NAME.test(name))
    here.fail(at, `${name} cannot be the name of a variable that holds a secret`, "letters, digits and _; or add as: file");
  if (inContainer && path !== undefined && !posix.isAbsolute(path)) {
    const message = `path of a secret is an absolute path inside the container, not "${path}"`;
    here.fail([...at, "path"], message, `the default is /run/secrets/${name}`);
  }
}
