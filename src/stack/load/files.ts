import { errnoOf, fileTrouble } from "../../kernel/errors.ts";
import { parseDotenv } from "./dotenv.ts";
import { MAX_ENV_FILE_BYTES } from "./limits.ts";
import type { Report } from "./report.ts";
import { type Path, SourceFile, type Span } from "./source.ts";

/** Text of a file by absolute path; undefined when there is none. Throws a system error (ENOENT means the same as undefined). */
export type ReadFile = (path: string) => string | undefined;

export interface EnvFileRequest {
  readonly path: string;
  /** Where the file is asked for. */
  readonly at: Span;
  readonly field: Path;
  /** A file that cannot be read is only warned about. */
  readonly lenient: boolean;
  /** It need not exist. */
  readonly optional?: boolean;
}

/** Reads one file of variables; what is wrong with it is reported, in the file itself where it is there. */
export function readEnvFile(request: EnvFileRequest, readFile: ReadFile, report: Report): Record<string, string> {
  const severity = request.lenient ? "warning" : "error";
  const read = readText(readFile, request.path);
  if ("problem" in read) {
    if (!request.optional || !read.missing) report.add(request.field, request.at, { severity, message: read.problem });
    return {};
  }
  const { text } = read;
  if (text.length > MAX_ENV_FILE_BYTES) {
    report.add(request.field, request.at, {
      severity,
      message: `${request.path} is larger than ${MAX_ENV_FILE_BYTES} bytes (MAX_ENV_FILE_BYTES)`,
    });
    return {};
  }
  const { values, problems } = parseDotenv(text);
  const file = new SourceFile(request.path, text);
  for (const { at, message } of problems) report.add(request.field, { file, start: at, end: at }, { message });
  return values;
}

/** The text, or one sentence on why there is none. */
export function readText(readFile: ReadFile, path: string): { text: string } | { problem: string; missing: boolean } {
  try {
    const text = readFile(path);
    return text === undefined ? { problem: `cannot read ${path}: no such file`, missing: true } : { text };
  } catch (failure) {
    const code = errnoOf(failure);
    return { problem: `cannot read ${path}: ${fileTrouble(failure)}`, missing: code === "ENOENT" };
  }
}
