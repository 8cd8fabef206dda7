import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brief } from "../load/load-text.ts";
import { loadStack } from "../load/load.ts";
import type { StackSpec } from "../spec.ts";
import { type Imported, importCompose } from "./import.ts";

export const SAMPLES = new URL("../../../test/programs/compose/", import.meta.url).pathname;

/** One compose file from memory, at /app/compose.yml. */
export function importText(source: string, files: Readonly<Record<string, string>> = {}): Imported {
  const all: Record<string, string> = { "/app/compose.yml": source, ...files };
  return importCompose({
    files: ["/app/compose.yml"],
    readFile: (path) => all[path],
    exists: (path) => path in all || path.endsWith("there"),
  });
}

/** The fields of the only service, `a`. */
export function importOne(fields: string, rest = ""): Record<string, unknown> {
  const found = importText(service(fields) + rest);
  const services = found.stack?.["services"] as Record<string, Record<string, unknown>> | undefined;
  if (!services?.["a"]) throw new Error(found.diagnostics.map(brief).join("\n"));
  return services["a"];
}

function service(fields: string): string {
  return `services:\n  a:\n    image: i\n${fields.replace(/^(?=.)/gm, "    ")}\n`;
}

/** What is said of one path below the only service. */
export function said(fields: string, path: string): string[] {
  const { report, diagnostics } = importText(service(fields));
  if (diagnostics.length > 0) return diagnostics.map(brief);
  return report.filter((line) => line.path === `services.a.${path}`).map(({ action, to, reason }) => `${action} ${to ?? "-"}: ${reason}`);
}

export function problemsOf(source: string): string[] {
  return importText(source).diagnostics.map(brief);
}

/** The result as orco's own loader reads it; every variable it wants is set. Throws what it finds wrong. */
export function loaded(found: Imported): StackSpec {
  const env = Object.fromEntries(found.variables.map((name, index) => [name, String(20_001 + index)]));
  const source = found.yaml ?? "";
  const read = loadStack(
    {
      source,
      file: join(SAMPLES, "stack.yaml"),
      workdir: SAMPLES,
      env: { HOME: "/root", ...env },
      readFile: (path) => readFileSync(path, "utf8"),
    },
    { checkFiles: false, profiles: ["full", "cache"] },
  );
  if (!read.spec || read.diagnostics.some(({ severity }) => severity !== "warning"))
    throw new Error([...read.diagnostics.map(brief), source].join("\n"));
  return read.spec;
}
