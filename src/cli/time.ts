import { parseDuration } from "../kernel/duration.ts";
import { usageError } from "./exit.ts";

/** `10m` (ago) or RFC 3339 → epoch ms. Errors: usage. */
export function timeOption(text: string, flag: string, nowMs: number): number {
  const ago = parseDuration(text);
  if (ago !== undefined) return nowMs - ago;
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw usageError(`${flag} takes a duration like 10m or a time like 2026-01-31T12:00:00Z, not ${JSON.stringify(text)}`);
  return at;
}

/** Errors: usage. */
export function durationOption(text: string, flag: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw usageError(`${flag} takes a duration like 30s or 5m, not ${JSON.stringify(text)}`);
  return ms;
}
