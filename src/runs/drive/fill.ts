import { OrcoError } from "../../kernel/errors.ts";
import type { Json } from "../../kernel/event.ts";
import { isHeaderValue, isWebAddress } from "../plan-fields.ts";
import { type HttpStep, MAX_ITEMS, type PlanStep } from "../plan.ts";
import { fillJson, fillText, fillValue, type Scope } from "../template.ts";

/** What Linux takes as one argument or variable. */
const MAX_ARGUMENT = 128 * 1024 - 1;

/** A step as it is executed: every reference filled in. `invalid`: a reference has no value, or what it makes of a field cannot be executed. */
export function fillStep(spec: PlanStep, scope: Scope): PlanStep {
  const { command, workdir, http } = spec;
  return {
    ...spec,
    ...(command && { command: command.map((word) => argument(fillText(word, scope), "command")) }),
    env: fillRecord(spec.env, (value, name) => argument(fillText(value, scope), `env.${name}`)),
    ...(workdir !== undefined && { workdir: absolute(fillText(workdir, scope)) }),
    ...(http && { http: fillHttp(http, scope) }),
  };
}

/** As it was executed, by what may be an older version of all this: what cannot be filled in any more is found all the same. */
export function fillFound(spec: PlanStep, scope: Scope): PlanStep {
  try {
    return fillStep(spec, scope);
  } catch {
    return spec;
  }
}

/** The items of a `for_each`. `invalid`: not a list, or too long a one. */
export function fillItems({ for_each: each }: PlanStep, scope: Scope): readonly Json[] {
  const found = each?.from === undefined ? (each?.items ?? []) : fillValue(each.from, scope);
  if (!Array.isArray(found)) throw invalid(`for_each: ${each?.from} is not a list`);
  if (found.length > MAX_ITEMS) throw invalid(`for_each: ${each?.from} has ${found.length} items, at most ${MAX_ITEMS} are allowed`);
  return found as readonly Json[];
}

function fillHttp(http: HttpStep, scope: Scope): HttpStep {
  const url = fillText(http.url, scope);
  if (!isWebAddress(url)) throw invalid(`http.url is no http or https URL: ${url.slice(0, 200)}`);
  const headers = fillRecord(http.headers, (value, name) => {
    const filled = fillText(value, scope);
    if (!isHeaderValue(filled)) throw invalid(`http.headers.${name} would hold line breaks or control characters`);
    return filled;
  });
  return { ...http, url, headers, ...(http.body !== undefined && { body: fillJson(http.body, scope) }) };
}

function fillRecord(record: Readonly<Record<string, string>>, fill: (value: string, name: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, fill(value, name)]));
}

function argument(text: string, where: string): string {
  if (text.includes("\0")) throw invalid(`${where} would hold a NUL character`);
  if (Buffer.byteLength(text) > MAX_ARGUMENT) throw invalid(`${where} would be longer than ${MAX_ARGUMENT} bytes: hand it over in a file`);
  return text;
}

function absolute(path: string): string {
  if (!path.startsWith("/") || path.includes("\0")) throw invalid(`workdir is no absolute path: ${path.slice(0, 200)}`);
  return path;
}

function invalid(message: string): OrcoError {
  return new OrcoError("invalid", message);
}
