import { parseDuration } from "../../kernel/duration.ts";
import { byForm, type Field, list, number, parsedText, text } from "./field.ts";

const DURATION_PATTERN = "^(0|([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+)$|\\$";
const SIZE = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])i?b?|b)?$/i;
const POWER: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4 };

/** Milliseconds. */
export const duration: Field<number> = parsedText('a duration such as "500ms", "30s" or "1m30s"', parseDuration, {
  title: "duration",
  pattern: DURATION_PATTERN,
});

export const positiveDuration: Field<number> = parsedText(
  'a duration above zero such as "500ms", "30s" or "1m30s"',
  (raw) => parseDuration(raw) || undefined,
  { title: "duration", pattern: DURATION_PATTERN },
);

/** Bytes: `512Mi`, `512M`, `64m`, `1.5G` are all binary, as docker has them; a bare number is bytes. */
export function parseSize(raw: string): number | undefined {
  const found = SIZE.exec(raw.trim());
  if (!found) return undefined;
  const bytes = Math.round(Number(found[1]) * 1024 ** (POWER[found[2]?.toLowerCase() ?? ""] ?? 0));
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

export const size: Field<number> = parsedText('a size such as "512Mi" or "1.5G"', parseSize, { title: "size" });

/** Cores: `500m` or `0.5`. */
export function parseCpu(raw: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)(m?)$/.exec(raw.trim());
  const cores = Number(found?.[1]) / (found?.[2] === "m" ? 1000 : 1);
  return cores > 0 ? cores : undefined;
}

export const cpu: Field<number> = parsedText('cores such as 0.5 or "500m"', parseCpu, { title: "cores" });

export type Amount = { readonly count: number } | { readonly percent: number };

function parsePercent(raw: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)%$/.exec(raw.trim());
  return found ? Number(found[1]) : undefined;
}

function parseAmount(raw: string): Amount | undefined {
  if (/^\d{1,6}$/.test(raw.trim())) return { count: Number(raw) };
  const percent = parsePercent(raw);
  return percent === undefined || percent > 1000 ? undefined : { percent };
}

export const amount: Field<Amount> = parsedText('a whole number or a percentage such as "25%"', parseAmount, {
  title: "number or percentage",
});

/** 0 to 1. */
export const share: Field<number> = parsedText(
  'a percentage such as "10%", up to 100%',
  (raw) => {
    const percent = parsePercent(raw);
    return percent === undefined || percent > 100 ? undefined : percent / 100;
  },
  { title: "percentage" },
);

/** A list of words, or a text for the shell. */
export type Command = readonly string[] | string;

const words = list(text({ wanted: "a word of the command", launch: true, empty: true }), "a command");

export const command: Field<Command> = byForm<Command>({
  scalar: text({ wanted: "a command: a list of words or a text", launch: true }),
  list: {
    json: { ...words.json, minItems: 1 },
    read(node, at) {
      const read = words.read(node, at);
      if (node.kind === "list" && node.items.length === 0) return at.fail(node, "expected a command, got an empty list");
      return read?.[0]?.trim() === "" ? at.fail(node, "the first word of a command must not be empty") : read;
    },
  },
});

export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

function parseStatus(raw: string): StatusRange | undefined {
  const found = /^([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?$/.exec(raw.trim());
  if (!found) return undefined;
  const range = { from: Number(found[1]), to: Number(found[2] ?? found[1]) };
  return range.from <= range.to ? range : undefined;
}

const status = parsedText('an HTTP status such as 200 or a range such as "200-399"', parseStatus, { title: "status or range" });
export const statuses: Field<StatusRange[]> = byForm<StatusRange[]>({
  scalar: { json: status.json, read: (node, at) => oneStatus(status.read(node, at)) },
  list: list(status, "a list of statuses"),
});

function oneStatus(range: StatusRange | undefined): StatusRange[] | undefined {
  return range && [range];
}

export function count(wanted: string, min = 1): Field<number> {
  return number({ wanted, min, max: 1_000_000 });
}
