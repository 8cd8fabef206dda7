import type { LogRecord } from "../supervise/logs/record.ts";
import { sanitizeText } from "./sanitize.ts";
import { clockTime } from "./clock-time.ts";

const SERVICE_COLORS = [36, 32, 33, 35, 34, 96, 92, 93, 95, 94];
const LEVEL_COLORS: Readonly<Record<string, number>> = { warn: 33, error: 31, fatal: 31 };
const DIM = 2;

/** `HH:MM:SS service/replica | message`; every further line of a message under the same prefix, so that none can pass for another's. */
export function logLine(record: LogRecord, options: { color?: boolean } = {}): string {
  const who = `${record.service}/${record.replica}`;
  const prefix = `${clockTime(record.timestamp)} ${paint(who, colorOf(record.service), options.color)} | `;
  const text = sanitizeText(logText(record), options);
  const tint = record.source === "orco" ? DIM : LEVEL_COLORS[record.level ?? ""];
  return text
    .split("\n")
    .map((line) => prefix + (tint === undefined || line.includes("\x1b") ? line : paint(line, tint, options.color)))
    .join("\n");
}

/** The message and, behind it, the fields of a structured line. Not yet clean. */
export function logText(record: LogRecord): string {
  return [record.message, ...fields(record)].join(" ");
}

/** What a structured line says beside its message, as `name=value`. Orco's own marks (`partial`) are for programs. */
function fields({ meta, source }: LogRecord): string[] {
  if (meta === undefined || source === "orco" || meta["partial"] === true) return [];
  return Object.entries(meta).map(
    ([name, value]) => `${name}=${typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`,
  );
}

/** SGR code: the same service has the same colour in every terminal. */
export function colorOf(service: string): number {
  let sum = 0;
  for (const char of service) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 65_521;
  return SERVICE_COLORS[sum % SERVICE_COLORS.length] ?? 36;
}

function paint(text: string, code: number, color = false): string {
  return color ? `\x1b[${code}m${text}\x1b[0m` : text;
}
