import { isIP } from "node:net";
import { constants } from "node:os";
import { z } from "zod";
import { nearest } from "../kernel/nearest.ts";
import { globProblem } from "./glob.ts";

/** The kinds of values that a contract is made of, each with what it must be in words. */

const MAX_COMMAND = 16 * 1024;
const MAX_PATH = 4096;
const DAY_MS = 86_400_000;
const SIGNALS = Object.keys(constants.signals);
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const HOST_NAME = /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** "is required" where it is missing, else what it must be. */
export function must(text: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) => (input === undefined ? "is required" : `must be ${text}`);
}

function text(what: string, max = MAX_COMMAND): z.ZodString {
  const error = must(what);
  return z
    .string({ error })
    .min(1, { error })
    .max(max, `is longer than ${max} characters`)
    .regex(/^[^\0]*$/, "must not hold a NUL character");
}

export function wholeNumber(min: number, max: number): z.ZodInt {
  const error = must(`a whole number from ${min} to ${max}`);
  return z.int({ error }).min(min, { error }).max(max, { error });
}

export const port = wholeNumber(1, 65_535);
/** Blue listens on it, green on the next one. */
export const internalPort = wholeNumber(1, 65_534);
export const durationMs = wholeNumber(1, DAY_MS);
/** 0: not at all. */
export const patienceMs = wholeNumber(0, DAY_MS);
export const command = text("a shell command");

/** What a request line can carry: no spaces, no control characters, no fragment. */
export const endpoint = text("a path", MAX_PATH).regex(/^\/[!-"$-~]*$/, "must start with / and hold no spaces, control characters or #");
export const absolutePath = text("the path of a file", MAX_PATH).regex(/^\//, "must be an absolute path");
export const webhookUrl = text("a URL", MAX_PATH).refine(isWebhook, "must be an http or https URL without user and password");

export const hostName = text("a host name", 255)
  .toLowerCase()
  .regex(HOST_NAME, "must be a host name such as example.org, or *.example.org");
export const ipAddress = text("an IP address").refine((value) => isIP(value) > 0, "must be an IP address, such as 127.0.0.1");

export const signal = text("a signal such as SIGTERM")
  .transform((name) => (name.toUpperCase().startsWith("SIG") ? name.toUpperCase() : `SIG${name.toUpperCase()}`))
  .superRefine((name, context) => {
    if (SIGNALS.includes(name)) return;
    const meant = nearest(name, SIGNALS);
    context.addIssue(`${name} is no signal${meant === undefined ? "" : `; did you mean ${meant}?`}`);
  });

export const glob = text("a pattern").superRefine((pattern, context) => {
  const problem = globProblem(pattern);
  if (problem !== undefined) context.addIssue(problem);
});

/** Names that orco sets itself: with another PORT the app would listen where nobody asks, without ORCO_INSTANCE it could not be found again. */
export const variableName = z.string().superRefine((name, context) => {
  if (name === "PORT" || name.startsWith("ORCO_")) context.addIssue(`${name} is set by orco`);
  else if (!VARIABLE_NAME.test(name)) context.addIssue("is no name of a variable: letters, digits and _ only");
});
export const anyVariableName = text("the name of a variable").regex(VARIABLE_NAME, "must be the name of a variable");

export const variableValue = z
  .string({ error: must('a text: write numbers and booleans in quotes, as "1"') })
  .regex(/^[^\0]*$/, "must not hold a NUL character");

function isWebhook(value: string): boolean {
  const url = URL.parse(value);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
}
