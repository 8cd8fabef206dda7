const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const TERM = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;

/** `"1m30s"`, `"500ms"`, `"0"` → ms; undefined when the text is not a duration. A bare number other than 0 is refused: its unit is unknown. */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed === "0") return 0;
  if (!WHOLE.test(trimmed)) return undefined;
  let totalMs = 0;
  for (const [, count, unit] of trimmed.matchAll(TERM)) totalMs += Number(count) * (UNIT_MS[unit ?? ""] ?? Number.NaN);
  return Number.isSafeInteger(Math.round(totalMs)) ? Math.round(totalMs) : undefined;
}

/** ms → the two largest units, as status tables print it: `58s`, `1m12s`, `3h04m`, `2d3h`; below a second `250ms`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${pad(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h${pad(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d${hours % 24}h`;
}

/** ms → what a person set or waited for, to a tenth of a second below a minute: `250ms`, `1.5s`, `10s`, `1m30s`. */
export function formatSpan(ms: number): string {
  return ms < 1000 || ms >= 60_000 ? formatDuration(ms) : `${Math.floor(ms / 100) / 10}s`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
