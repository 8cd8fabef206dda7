import { rmdirSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, OrcoError } from "../kernel/errors.ts";

/** Ids come from plans and from other machines' requests; as names of folders they must stay where they are put. */
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** `$ORCO_HOME/runs/<run>`: the log of the run, and what its steps need while it is under way. Throws `invalid` for an id that is no name. */
export function runFolder(home: string, run: string): string {
  return join(runsFolder(home), plainName(run));
}

export function runsFolder(home: string): string {
  return join(home, "runs");
}

export function isPlainName(id: string): boolean {
  return PLAIN_NAME.test(id);
}

/** The id itself. Throws `invalid` when it could lead elsewhere. */
export function plainName(id: string): string {
  if (isPlainName(id)) return id;
  throw new OrcoError("invalid", `${JSON.stringify(id)} is no id`, { id });
}

export function removeEmptyFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(errnoOf(error) ?? "")) throw error;
  }
}
