import { accessSync, constants, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { errnoOf, OrcoError } from "../kernel/errors.ts";

/** What POSIX calls confstr(_CS_PATH), with the usual local folders before it. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The file that `command` names for a child with this PATH and this working directory.
 * Throws `executable_not_found` (facts: command, path) or `start_failed`.
 */
export function findExecutable(command: string, { cwd, env }: { cwd: string; env: Readonly<Record<string, string>> }): string {
  requireDirectory(cwd);
  const path = env["PATH"] ?? DEFAULT_PATH;
  const candidates = command.includes("/") ? [command] : path.split(":").map((folder) => join(folder || ".", command));
  let refused: string | undefined;
  for (const candidate of command === "" ? [] : candidates) {
    const file = isAbsolute(candidate) ? candidate : join(cwd, candidate);
    const state = stateOf(file);
    if (state === "executable") return file;
    if (state === "refused") refused ??= file;
  }
  if (refused !== undefined) throw new OrcoError("start_failed", `${refused} is not executable`, { command, path: refused });
  const where = command.includes("/") ? `no such file (in ${cwd})` : `not found in PATH (${path})`;
  throw new OrcoError("executable_not_found", `${command || "(empty command)"}: ${where}`, { command, path });
}

function requireDirectory(cwd: string): void {
  let found: boolean;
  try {
    found = statSync(cwd).isDirectory();
  } catch (error) {
    const why = errnoOf(error) === "ENOENT" ? "does not exist" : `cannot be used: ${errnoOf(error) ?? "unknown"}`;
    throw new OrcoError("start_failed", `working directory ${cwd} ${why}`, { cwd });
  }
  if (!found) throw new OrcoError("start_failed", `working directory ${cwd} is not a directory`, { cwd });
}

function stateOf(file: string): "executable" | "refused" | "absent" {
  try {
    if (!statSync(file).isFile()) return "refused";
    accessSync(file, constants.X_OK);
    return "executable";
  } catch (error) {
    return errnoOf(error) === "EACCES" ? "refused" : "absent";
  }
}
