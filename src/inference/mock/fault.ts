import { OrcoError } from "../../kernel/errors.ts";

/** What can go wrong on purpose, and what a name without a number means. Token numbers count from 0: the fault comes instead of, or before, that token. */
const FAULTS = {
  /** Before the first token, ms. */
  latency_ms: 1000,
  /** The connection ends cleanly at this token, without a last chunk. */
  cut: 0,
  /** The connection is reset at this token; -1: before the head. */
  reset: -1,
  /** This HTTP status instead of an answer. */
  status: 500,
  /** Seconds, with `status`. */
  retry_after: 1,
  /** Silence from this token on; -1: not even a head. */
  hang: -1,
  /** A frame that is no JSON at this token; the answer goes on. */
  garbage: 1,
  /** A frame with the first half of a UTF-8 character at this token; the answer goes on. */
  half_char: 1,
  /** A whole character, but sent in two writes that part in its middle. */
  split_char: 1,
  /** 200 and a JSON error of this status instead of a stream. */
  error_body: 500,
  /** A frame with an error at this token, then a clean end without `[DONE]`. */
  error_frame: 0,
  /** One frame of so many bytes before the first token. */
  big_frame: 10 * 2 ** 20,
  /** Before the head, ms. */
  slow_accept: 1000,
  /** The answer has no end, whatever max_tokens says. */
  never_end: 1,
  /** No `[DONE]`. */
  no_done: 1,
  /** Neither a finish_reason nor `[DONE]`: a silent truncation. */
  no_finish: 1,
  /** The connection is closed after the answer, unannounced, as llama.cpp does after a stream. */
  close: 1,
  /** Of the engine's own fault: only so many requests meet it. */
  first: 1,
} as const;

export type FaultName = keyof typeof FAULTS;
export type Fault = Readonly<Partial<Record<FaultName, number>>>;

export const NO_FAULT: Fault = {};
/** A frame of 256 MiB. */
const MAX_VALUE = 2 ** 28;
const IN_PROMPT = /\bx-mock:\s*(\S+)\s*$/i;

/** `cut=5,latency_ms=20,hang`. Errors: invalid. */
export function parseFault(text: string): Fault {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  return Object.fromEntries(parts.map(parsePart));
}

/** The fault that the last words of a prompt ask for: `… x-mock: cut=5`. */
export function faultInPrompt(prompt: string): Fault {
  const asked = prompt.length > 0 ? IN_PROMPT.exec(prompt.slice(-200))?.[1] : undefined;
  return asked === undefined ? NO_FAULT : parseFault(asked);
}

function parsePart(part: string): [FaultName, number] {
  const [name = "", value] = part.split("=", 2);
  if (!Object.hasOwn(FAULTS, name))
    throw new OrcoError("invalid", `the mock engine knows no fault ${JSON.stringify(name)}; it has ${Object.keys(FAULTS).join(", ")}`);
  const known = name as FaultName;
  if (value === undefined) return [known, FAULTS[known]];
  if (!/^-?\d{1,9}$/.test(value) || Number(value) > MAX_VALUE)
    throw new OrcoError("invalid", `the fault ${name} takes a whole number up to ${MAX_VALUE}, not ${JSON.stringify(value)}`);
  return [known, Number(value)];
}
