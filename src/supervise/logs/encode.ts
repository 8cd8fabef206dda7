import { levelOfText } from "./level.ts";
import { type Format, parseLine } from "./parse.ts";
import type { LogRecord } from "./record.ts";
import type { Redactor } from "./redact.ts";

/** What the records of one batch share. */
export interface BatchContext {
  readonly service: string;
  readonly replica: number;
  readonly source: LogRecord["source"];
  readonly format: Format;
  readonly redactor: Redactor | undefined;
  /** Epoch ms. */
  readonly ts: number;
  /** seq of the first record. */
  readonly seq: number;
}

/** What a line needs escaping for inside JSON; line breaks end lines and do not count. */
// oxlint-disable-next-line no-control-regex -- these are the characters JSON wants escaped
const ESCAPED = /["\\\x00-\x09\x0b-\x1f]/;
const CARRIAGE_RETURN = 13;
const BRACE = 123;

/** `text` holds whole lines, each ended by a line break → their records as NDJSON. */
export function encodeLines(text: string, context: BatchContext): { json: string; lines: number } {
  const clean = context.redactor?.clean;
  const source = clean ? clean(text) : text;
  const plain = !ESCAPED.test(source);
  const head = headOf(context);
  const tail = `,"source":"${context.source}"`;
  let seq = context.seq;
  let json = "";
  for (let at = 0; at < source.length; seq++) {
    const end = source.indexOf("\n", at);
    const stop = source.charCodeAt(end - 1) === CARRIAGE_RETURN && end > at ? end - 1 : end;
    const line = source.slice(at, stop);
    at = end + 1;
    if (context.format !== "text" && line.charCodeAt(0) === BRACE) {
      json += `${head}${bodyOf(line, context)},"seq":${seq}}\n`;
      continue;
    }
    const level = context.format === "json" ? undefined : levelOfText(line);
    const message = plain ? `"${line}"` : JSON.stringify(line);
    json += `${head}${level === undefined ? "" : LEVEL_JSON[level]}"message":${message}${tail},"seq":${seq}}\n`;
  }
  return { json, lines: seq - context.seq };
}

const LEVEL_JSON = {
  trace: '"level":"trace",',
  debug: '"level":"debug",',
  info: '"level":"info",',
  warn: '"level":"warn",',
  error: '"level":"error",',
  fatal: '"level":"fatal",',
} as const;

function bodyOf(line: string, { format, source, redactor }: BatchContext): string {
  const { level, message, meta } = parseLine(line, format, redactor?.clean);
  const metaJson = meta === undefined ? "" : `,"meta":${meta}`;
  return `${level === undefined ? "" : LEVEL_JSON[level]}"message":${JSON.stringify(message)},"source":"${source}"${metaJson}`;
}

/** One piece of a line that is too long for a record; `last` when the line ends with it. */
export function encodePiece(text: string, last: boolean, context: BatchContext): { json: string; lines: number } {
  const message = JSON.stringify(context.redactor ? context.redactor.clean(text) : text);
  const meta = last ? '{"partial":true,"last":true}' : '{"partial":true}';
  return { json: `${headOf(context)}"message":${message},"source":"${context.source}","meta":${meta},"seq":${context.seq}}\n`, lines: 1 };
}

function headOf({ ts, service, replica }: BatchContext): string {
  return `{"timestamp":"${new Date(ts).toISOString()}","service":"${service}","replica":${replica},`;
}
