import { dirname } from "node:path";
import { formatDiagnostics } from "../kernel/diagnostic.ts";
import type { Diagnostic } from "../kernel/errors.ts";
import { readTextFile } from "../kernel/read-text.ts";
import { MAX_SOURCE_BYTES } from "../stack/load/limits.ts";
import { loadStack, type LoadOptions } from "../stack/load/load.ts";
import type { StackSpec } from "../stack/spec.ts";
import { lookAt } from "../stack/load/places.ts";
import type { Context } from "./context.ts";
import { EXIT, nearby } from "./exit.ts";
import { environmentFor } from "./stack-file.ts";

/** Exit 1 on errors and on what this version cannot do; warnings leave the file valid. */
export async function lint(context: Context): Promise<number> {
  const { io, global } = context;
  const { file, spec, diagnostics: wrong } = loadOffline(context);
  const diagnostics = spec ? [...wrong, ...missingHere(context, wrong)] : wrong;
  const found = diagnostics.map((one) => nearby(one, io.cwd));
  const ok = spec !== undefined && found.every((one) => one.severity === "warning");
  if (global.json) io.out(`${JSON.stringify({ file, ok, diagnostics })}\n`);
  else {
    if (found.length > 0) io.err(`${formatDiagnostics(found, { color: io.color })}\n`);
    if (ok) io.out(`${summary(spec.name, Object.keys(spec.services).length)}\n`);
  }
  return ok ? EXIT.ok : EXIT.failed;
}

/** What `up` would miss on this machine. The file may be meant for another one: it stays valid. */
function missingHere(context: Context, told: readonly Diagnostic[]): Diagnostic[] {
  const { diagnostics } = loadOffline(context, { checkFiles: true });
  const places = new Set(told.map(placeOf));
  return diagnostics.filter((one) => one.severity === "error" && !places.has(placeOf(one))).map((one) => ({ ...one, severity: "warning" }));
}

function placeOf({ file, line, column }: Diagnostic): string {
  return `${file}:${line}:${column}`;
}

function summary(name: string, services: number): string {
  return `${name}: valid, ${services} ${services === 1 ? "service" : "services"}`;
}

interface Offline {
  readonly file: string;
  readonly spec?: StackSpec;
  readonly diagnostics: readonly Diagnostic[];
  /** Absolute paths of the other files it was read from, also of such that are not there. */
  readonly read: readonly string[];
}

/** The file as the daemon would read it, without one. */
export function loadOffline(context: Context, options: LoadOptions = {}): Offline {
  const given = context.stackFile();
  const { path, source } = given;
  const read: string[] = [];
  const readFile = (name: string): string => {
    read.push(name);
    return readTextFile(name, MAX_SOURCE_BYTES);
  };
  // What the daemon would be told of, so that it is found fault with in the same words.
  const env = environmentFor(given, context.io.env);
  const from = { source, file: path, workdir: dirname(path), env, readFile, look: lookAt };
  const loaded = loadStack(from, { checkFiles: false, ...options });
  return { file: path, ...loaded, read };
}
