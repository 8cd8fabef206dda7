import { messageOf, OrcoError } from "../../kernel/errors.ts";
import { linearPattern, type Pattern } from "../../kernel/pattern.ts";
import { LEVELS, levelNamed, rankOf } from "./level.ts";
import type { LogQuery, LogRecord } from "./record.ts";

export interface ContentFilter {
  /** Reads one line of a segment; undefined when the query does not want it. */
  readonly accept: (line: string) => LogRecord | undefined;
  /** Lines without these bytes are not wanted: spares most of a log the decoding. */
  readonly needle: Buffer | undefined;
}

const LITERAL = /^[^\\.+*?()|[\]{}^$]+$/;

/** What a query says about a record's content. `undefined`: it wants all of them. Throws `invalid` for a bad pattern or level. */
export function contentFilter({ grep, level }: LogQuery): ContentFilter | undefined {
  const matches = grep === undefined || grep === "" ? undefined : matcher(grep);
  const least = level === undefined ? 0 : threshold(level);
  if (!matches && least === 0) return undefined;
  const accept = (line: string): LogRecord | undefined => {
    if (least > 0 && rankOf(statedLevel(line)) < least) return undefined;
    if (matches?.literal !== undefined && !line.includes(matches.literal)) return undefined;
    const record = parseRecord(line);
    return !matches || matches.test(record.message) ? record : undefined;
  };
  return { accept, needle: matches?.literal === undefined ? undefined : Buffer.from(matches.literal) };
}

export function parseRecord(line: string): LogRecord {
  return JSON.parse(line) as LogRecord;
}

interface Matcher {
  /** As it stands in the undecoded line, where the pattern is no more than that. */
  readonly literal: string | undefined;
  readonly test: (message: string) => boolean;
}

function matcher(pattern: string): Matcher {
  const compiled = compile(pattern);
  if (!LITERAL.test(pattern) || !pattern.isWellFormed()) return { literal: undefined, test: (message) => compiled.test(message) };
  return { literal: JSON.stringify(pattern).slice(1, -1), test: (message) => message.includes(pattern) };
}

function compile(pattern: string): Pattern {
  try {
    return linearPattern(pattern);
  } catch (error) {
    throw new OrcoError("invalid", `grep: ${messageOf(error)}`, { pattern });
  }
}

function threshold(level: string): number {
  const known = levelNamed(level);
  if (!known) throw new OrcoError("invalid", `level ${JSON.stringify(level)} is none of ${LEVELS.join(", ")}`, { level });
  return rankOf(known);
}

/** The writer puts the level, if any, right before the message: no need to decode the record for it. */
function statedLevel(line: string): string | undefined {
  const message = line.indexOf('"message":');
  const level = line.lastIndexOf('"level":"', message);
  return level < 0 || level > message ? undefined : line.slice(level + 9, line.indexOf('"', level + 9));
}
