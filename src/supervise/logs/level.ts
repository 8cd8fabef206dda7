/** In rising order; a query's level is a threshold in it. */
export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type Level = (typeof LEVELS)[number];

const NAMES: Readonly<Record<string, Level>> = {
  trace: "trace",
  verbose: "trace",
  debug: "debug",
  dbg: "debug",
  info: "info",
  information: "info",
  notice: "info",
  log: "info",
  warn: "warn",
  warning: "warn",
  error: "error",
  err: "error",
  severe: "error",
  crit: "fatal",
  critical: "fatal",
  alert: "fatal",
  emerg: "fatal",
  emergency: "fatal",
  fatal: "fatal",
  panic: "fatal",
};

/** How much of a line is searched for its level. */
const HEAD_CHARS = 128;
const KEYED = /(?:^|[\s,{])(?:level|lvl|severity)=["']?([a-z]+)/i;
const BRACKETED = /[[(<|](trace|debug|info|notice|warn|warning|error|err|crit|critical|alert|emerg|fatal|panic)[\])>|]/i;
const CAPITALS =
  /(?:^|[\s|:\-\]])(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRIT|CRITICAL|ALERT|EMERG|FATAL|PANIC|LOG(?=:))(?=[\s:|\-\][,]|$)/;
const LEADING = /^(?:\S+ )?(trace|debug|info|notice|warn|warning|error|fatal|panic):/i;
const KLOG = /^([IWEF])\d{4} \d\d:/;
const KLOG_LEVELS: Readonly<Record<string, Level>> = { I: "info", W: "warn", E: "error", F: "fatal" };
/** One cheap look: a line without any of these has no level. */
const ANY = /trace|debug|info|notice|warn|err|severe|crit|alert|emerg|fatal|panic|log:|l=|^[IWEF]\d/i;
// oxlint-disable-next-line no-control-regex -- colours of terminals stand around the word
const COLOURS = /\x1b\[[\d;]*m/g;

/** The level a text line states about itself, if it does so in one of the usual ways near its start. */
export function levelOfText(line: string): Level | undefined {
  let head = line.length > HEAD_CHARS ? line.slice(0, HEAD_CHARS) : line;
  if (!ANY.test(head)) return undefined;
  if (head.includes("\x1b")) head = head.replace(COLOURS, "");
  const klog = KLOG.exec(head);
  if (klog) return KLOG_LEVELS[klog[1] ?? ""];
  const found = KEYED.exec(head) ?? BRACKETED.exec(head) ?? CAPITALS.exec(head) ?? LEADING.exec(head);
  return found ? levelNamed(found[1] ?? "") : undefined;
}

/** `"WARNING"` → `warn`; undefined for a word that is no level. */
export function levelNamed(name: string): Level | undefined {
  const key = name.toLowerCase();
  return Object.hasOwn(NAMES, key) ? NAMES[key] : undefined;
}

/** A level as JSON loggers write it: a name, or a number as pino and bunyan have it (10 trace … 60 fatal). */
export function levelOfValue(value: unknown): Level | undefined {
  if (typeof value === "string") return levelNamed(value);
  if (typeof value !== "number" || !(value >= 10 && value < 100)) return undefined;
  return LEVELS[Math.min(LEVELS.length, Math.floor(value / 10)) - 1];
}

/** Position in `LEVELS`; no level counts as info. */
export function rankOf(level: string | undefined): number {
  const at = level === undefined ? -1 : LEVELS.indexOf(level as Level);
  return at < 0 ? LEVELS.indexOf("info") : at;
}
