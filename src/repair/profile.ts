import type { z } from "zod";
import type { Diagnostic } from "../kernel/errors.ts";
import { didYouMean } from "../kernel/nearest.ts";
import { allowanceOf, COMPOSE_ALLOWANCES } from "./compose/allowance.ts";
import { contentOf, diagnosticAt, type Place, placesIn, refusedFor, startOf } from "./profile-place.ts";
import { ProfileFile, type ServiceEntry } from "./profile-shape.ts";
import type { Approver } from "./project.ts";

export const PROFILE_FILE = "orco.repair.yaml";
export const MAX_PROFILE_BYTES = 256 * 1024;
const MAX_FINDINGS = 50;
const KEYS: Readonly<Record<string, readonly string[]>> = {
  "": ["version", "project", "approvers", "services"],
  "approvers.*": ["id", "role", "token_sha256"],
  "services.*":
    "protected roles self_approval expires health app_check allow allow_compose block compose_file build_timeout restart_timeout settle pr repair".split(
      " ",
    ),
  "services.*.health": ["url", "status", "timeout"],
  "services.*.app_check": ["method", "path", "url", "body", "status", "pattern"],
  "services.*.pr": ["remote", "base", "repo"],
};

export interface Profiles {
  readonly project?: string;
  readonly approvers: readonly Approver[];
  /** Those that the file names. */
  readonly services: ReadonlyMap<string, ServiceEntry>;
}

/** What holds where there is no file. */
export const NO_PROFILES: Profiles = { approvers: [], services: new Map() };

/** Reads orco.repair.yaml. Throws `invalid` with diagnostics: every finding has its line. */
export function parseProfile(text: string, file: string): Profiles {
  const place = placesIn(text, file);
  const parsed = ProfileFile.safeParse(contentOf(place));
  if (!parsed.success) throw refusedFor(sorted(parsed.error.issues.flatMap(flat).slice(0, MAX_FINDINGS).flatMap(findingsOf(place))));
  const { project, approvers, services } = parsed.data;
  const words = Object.entries(services).flatMap(([name, { allow_compose: allow }]) => unknownWords(place, name, allow));
  if (words.length > 0) throw refusedFor(words);
  return {
    ...(project !== undefined && { project }),
    approvers: approvers.map(({ id, role, token_sha256: token }) => ({ id, role, ...(token !== undefined && { tokenSha256: token }) })),
    services: new Map(Object.entries(services)),
  };
}

function sorted(found: readonly Diagnostic[]): Diagnostic[] {
  return found.toSorted((a, b) => a.line - b.line || a.column - b.column);
}

/** Of alternatives, what is wrong with the one that was probably meant. */
function flat(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const deepest = issue.errors.toSorted((a, b) => depth(b) - depth(a))[0] ?? [];
  if (depth(deepest) === 0) return [{ ...issue, message: deepest[0]?.message ?? "expected something else" }];
  return deepest.flatMap((one) => flat({ ...one, path: [...issue.path, ...one.path] }));
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map(({ path, code }) => path.length + (code === "unrecognized_keys" ? 1 : 0)));
}

function findingsOf(place: Place): (issue: z.core.$ZodIssue) => Diagnostic[] {
  return (issue) => {
    const path = issue.path.map(String);
    if (issue.code !== "unrecognized_keys")
      return [diagnosticAt(place, { at: startOf(place, path), path: path.join("."), message: inYamlWords(issue.message) })];
    return issue.keys.map((key) => {
      const hint = didYouMean(key, KEYS[path.map((part, index) => (index === 1 ? "*" : part)).join(".")] ?? []);
      const at = startOf(place, [...path, key], true);
      return diagnosticAt(place, {
        at,
        path: [...path, key].join("."),
        message: `unknown key "${key}"`,
        ...(hint !== undefined && { hint }),
      });
    });
  };
}

/** As who writes YAML calls it; what was written is on the line. */
function inYamlWords(message: string): string {
  const said = /^Invalid input: expected (\w+), received (\w+)$/.exec(message);
  if (!said) return message.replace(/^Invalid input: /, "");
  const [, wanted = "", found = ""] = said;
  return `expected ${YAML_WORDS[wanted] ?? `a ${wanted}`}, not ${YAML_WORDS[found] ?? `a ${found}`}`;
}

const YAML_WORDS: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  int: "a whole number",
  null: "nothing",
  object: "fields (name: value)",
  record: "fields (name: value)",
  string: "a text",
  undefined: "nothing",
};

function unknownWords(place: Place, service: string, words: readonly string[]): Diagnostic[] {
  return words.flatMap((word, index) => {
    if (allowanceOf(word) !== undefined) return [];
    const path = ["services", service, "allow_compose", String(index)];
    const hint = didYouMean(word, COMPOSE_ALLOWANCES) ?? `one of ${COMPOSE_ALLOWANCES.join(", ")}`;
    return [diagnosticAt(place, { at: startOf(place, path), path: path.join("."), message: `unknown word "${word}"`, hint })];
  });
}
