import { z } from "zod";

/** The kinds of values that a plan is made of, each with what it must be in words. */

const MAX_ENTRIES = 1000;
/** What Linux takes as one argument or variable. */
const MAX_ARGUMENT = 128 * 1024 - 1;
const MAX_DEPTH = 64;
/** What one timer can wait. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const YEAR_MS = 366 * 86_400_000;

/** "is required" where it is missing, else what it must be. */
function must(text: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) => (input === undefined ? "is required" : `must be ${text}`);
}

function text(what: string, max: number): z.ZodString {
  const error = must(what);
  return z
    .string({ error })
    .max(max, `is longer than ${max} characters`)
    .regex(/^[^\0]*$/, "must not hold a NUL character");
}

export function wholeNumber(min: number, max: number): z.ZodInt {
  const error = must(`a whole number from ${min} to ${max}`);
  return z.int({ error }).min(min, { error }).max(max, { error });
}

export function number(min: number, max: number): z.ZodNumber {
  const error = must(`a number from ${min} to ${max}`);
  return z.number({ error }).min(min, { error }).max(max, { error });
}

export function object<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, { error: must("an object") });
}

export function list<Item extends z.ZodType>(item: Item, max = MAX_ENTRIES): z.ZodArray<Item> {
  return z.array(item, { error: must("a list") }).max(max, `has more than ${max} entries`);
}

function record<Value extends z.ZodType>(key: z.ZodString, value: Value): z.ZodRecord<z.ZodString, Value> {
  return z.record(key, value, { error: must("an object") });
}

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const NAME_IN_WORDS = "1 to 64 of the characters A-Z a-z 0-9 _ -";

/** Of a step, a signal, an output. */
export const name = z.string({ error: must(NAME_IN_WORDS) }).regex(NAME, `must be ${NAME_IN_WORDS}`);
export const title = text("a text", 200);
export const summary = text("a text", 2000);
export const durationMs = wholeNumber(1, MAX_TIMEOUT_MS);
export const expiresMs = wholeNumber(1, YEAR_MS);
export const argument = text("a text", MAX_ARGUMENT);
export const command = list(argument)
  .min(1, "must name a program")
  .refine((words) => words[0] !== "", "must name a program");
export const image = text("the name of an image", 500).regex(/^[^\s-]\S*$/, "must be the name of an image");
/** It may begin with a reference: then it is looked at again when it is filled in. */
export const workdir = text("an absolute path", 4096).regex(/^(?:\/|\$\{)/, "must be an absolute path");
export const method = z
  .string({ error: must("a method") })
  .toUpperCase()
  .pipe(
    z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], {
      error: must("one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    }),
  );
export const url = text("a URL", 8192).refine((value) => value.includes("${") || isWebAddress(value), "must be an http or https URL");

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/, "is no name of a header");
export const headers = record(headerName, text("a text", 8192).refine(isHeaderValue, "must not hold line breaks or control characters"));

const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "is no name of a variable")
  .refine((value) => !value.startsWith("ORCO_"), "is a name that orco sets itself");
export const env = record(variableName, argument).refine(
  (value) => Object.keys(value).length <= MAX_ENTRIES,
  `has more than ${MAX_ENTRIES} entries`,
);

/** Any JSON, at most 64 levels deep. */
export const json = z
  .unknown()
  .refine((value) => value !== undefined && isShallow(value, MAX_DEPTH), `must be JSON of at most ${MAX_DEPTH} levels`);
export const jsonObject = z
  .record(z.string(), z.unknown(), { error: must("an object") })
  .refine((value) => isShallow(value, MAX_DEPTH), `must be an object of at most ${MAX_DEPTH} levels`);

export function isWebAddress(value: string): boolean {
  const parsed = URL.parse(value);
  return parsed !== null && (parsed.protocol === "http:" || parsed.protocol === "https:");
}

/** Without line breaks and control characters: nothing can be smuggled in behind it. */
export function isHeaderValue(value: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return !/[\0-\x08\x0a-\x1f\x7f]/.test(value) && /^[\0-\xff]*$/.test(value);
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((one) => isShallow(one, depth - 1));
}
