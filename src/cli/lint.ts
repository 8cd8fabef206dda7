import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { formatDiagnostics } from "../kernel/diagnostic.ts";
import type { Diagnostic } from "../kernel/errors.ts";
import { loadStack } from "../stack/load/load.ts";
import { onlyDockerRefused } from "../stack/load/refuse.ts";
import type { StackSpec } from "../stack/spec.ts";
import type { Context } from "./context.ts";
import { EXIT, nearby } from "./exit.ts";

/** Exit 1 on errors and on what this version cannot do. Docker services alone keep the file valid (the document's sample has them): `up` refuses those. */
export async function lint(context: Context): Promise<number> {
  const { io, global } = context;
  const { file, spec, diagnostics } = loadOffline(context);
  const found = diagnostics.map((one) => nearby(one, io.cwd));
  const ok = spec !== undefined && !found.some((one) => one.severity === "error") && onlyDockerRefused(found);
  if (global.json) io.out(`${JSON.stringify({ file, ok, diagnostics })}\n`);
  else {
    if (found.length > 0) io.err(`${formatDiagnostics(found, { color: io.color })}\n`);
    if (ok) io.out(`${summary(spec.name, Object.keys(spec.services).length, found)}\n`);
  }
  return ok ? EXIT.ok : EXIT.failed;
}

function summary(name: string, services: number, found: readonly Diagnostic[]): string {
  const later = found.filter((one) => one.severity === "unsupported").length;
  const valid = `${name}: valid, ${services} ${services === 1 ? "service" : "services"}`;
  return later === 0 ? valid : `${valid}; up will refuse it: ${later} ${later === 1 ? "thing needs" : "things need"} a later version`;
}

/** The file as the daemon would read it, without one. */
export function loadOffline(context: Context): { file: string; spec?: StackSpec; diagnostics: readonly Diagnostic[] } {
  const { path, source } = context.stackFile();
  const env = Object.fromEntries(Object.entries(context.io.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  const loaded = loadStack(
    { source, file: path, workdir: dirname(path), env, readFile: (name) => readFileSync(name, "utf8") },
    { checkFiles: false },
  );
  return { file: path, ...loaded };
}
