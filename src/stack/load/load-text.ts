import type { Diagnostic } from "../../kernel/errors.ts";
import type { ServiceSpec } from "../spec.ts";
import type { Look } from "./places.ts";
import { type Loaded, loadStack, type LoadOptions } from "./load.ts";

export interface LoadTextOptions extends LoadOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Other files by absolute path; the stack itself is /app/stack.yaml. */
  readonly files?: Readonly<Record<string, string>>;
}

/** For tests: loads a stack from memory. */
export function loadText(source: string, { env = {}, files = {}, ...options }: LoadTextOptions = {}): Loaded {
  const look: Look = (path) =>
    path in files ? "file" : Object.keys(files).some((name) => name.startsWith(`${path}/`)) ? "folder" : undefined;
  return loadStack({ source, file: "/app/stack.yaml", workdir: "/app", env, readFile: (path) => files[path], look }, options);
}

/** A whole stack around the given services, whose lines are indented by two more than here. The first of them is on line 4. */
export function withServices(services: string): string {
  const body = services.replace(/^(?=.)/gm, "  ");
  return `version: 0.1\nstack: { name: test }\nservices:\n${body}\n`;
}

/** The only service of a stack, which must load without errors. */
export function oneService(fields: string, options?: LoadTextOptions): ServiceSpec {
  const loaded = loadText(withServices(`a:\n${fields.replace(/^(?=.)/gm, "  ")}`), options);
  const service = loaded.spec?.services["a"];
  if (!service) throw new Error(loaded.diagnostics.map(brief).join("\n"));
  return service;
}

/** What is wrong with the only service `a`. Its fields begin on line 5. */
export function problems(fields: string, options?: LoadTextOptions): string[] {
  return loadText(withServices(`a:\n${fields.replace(/^(?=.)/gm, "  ")}`), options).diagnostics.map(brief);
}

/** `line:column path: message [hint]` */
export function brief(found: Diagnostic): string {
  const hint = found.hint === undefined ? "" : ` [${found.hint}]`;
  return `${found.line}:${found.column} ${found.path}: ${found.message}${hint}`;
}
