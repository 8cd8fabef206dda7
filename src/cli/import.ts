import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { OrcoError, errnoOf } from "../kernel/errors.ts";
import { readTextFile } from "../kernel/read-text.ts";
import { type Imported, importCompose } from "../stack/import/import.ts";
import { MAX_SOURCE_BYTES } from "../stack/load/limits.ts";
import { type Context, textOption } from "./context.ts";
import { EXIT } from "./exit.ts";
import { importText } from "./import-text.ts";

/** As compose looks for them in a folder. */
const NAMES = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

/** `orco import compose <files…>`: the stack on standard output or in a file, the report on standard error. */
export async function importStack(context: Context): Promise<number> {
  const { io, global, args, options } = context;
  const [, ...given] = args;
  const files = given.flatMap((name) => filesOf(resolve(io.cwd, name), name));
  const output = textOption(options, "output");
  const target = output === undefined ? undefined : resolve(io.cwd, output);
  const replace = options["force"] === true;
  if (target !== undefined && !replace && existsSync(target)) throw taken(output ?? target);
  const [first = "", ...others] = files;
  const found = importCompose({
    files: [first, ...others],
    // What a person names may be a pipe; what a file names must not.
    readFile: (path) => (files.includes(path) ? readFileSync(path, "utf8") : readTextFile(path, MAX_SOURCE_BYTES)),
    exists: existsSync,
    ...(target !== undefined && { into: dirname(target) }),
  });
  if (found.yaml === undefined)
    throw new OrcoError("invalid", `${given[0] ?? ""} has to be right before it can be imported`, { diagnostics: found.diagnostics });
  if (target !== undefined) write(target, found.yaml, { name: output ?? target, replace });
  if (global.json) io.out(`${JSON.stringify({ stack: found.stack, report: found.report })}\n`);
  else {
    if (target === undefined) io.out(found.yaml);
    context.note(importText(found, { from: given.join(", "), into: output }));
  }
  return options["strict"] === true && dropped(found) ? EXIT.failed : EXIT.ok;
}

function dropped({ report }: Imported): boolean {
  return report.some(({ action }) => action === "dropped");
}

/** A folder stands for the file that compose would take there, and its override file. Errors: `not_found`. */
function filesOf(path: string, name: string): string[] {
  if (!existsSync(path)) throw new OrcoError("not_found", `${name} does not exist`);
  if (!statSync(path).isDirectory()) return [path];
  const found = NAMES.map((file) => join(path, file)).find((file) => existsSync(file));
  if (found === undefined) throw new OrcoError("not_found", `${name} has no compose file: ${NAMES.join(", ")}`);
  const override = found.replace(/\.(ya?ml)$/, ".override.$1");
  return existsSync(override) ? [found, override] : [found];
}

function write(path: string, text: string, { name, replace }: { name: string; replace: boolean }): void {
  try {
    writeFileSync(path, text, { flag: replace ? "w" : "wx" });
  } catch (error) {
    if (errnoOf(error) === "EEXIST") throw taken(name);
    throw new OrcoError("invalid", `${name} cannot be written: ${errnoOf(error) ?? "unknown reason"}`);
  }
}

function taken(name: string): OrcoError {
  return new OrcoError("conflict", `${name} exists already`, { next: "name another file, or replace it: --force" });
}
