import { errnoOf, messageOf } from "../../kernel/errors.ts";
import { parseDotenv } from "./dotenv.ts";
import { MAX_ENV_FILE_BYTES } from "./limits.ts";
import type { Report } from "./report.ts";
import { type Path, SourceFile, type Span } from "./source.ts";

/** Text of a file by absolute path. Throws a system error. */
export type ReadFile = (path: string) => string;

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
  const read = attempt(() => readFile(request.path));
  if ("failure" in read) {
    const code = errnoOf(read.failure);
    if (request.optional && code === "ENOENT") return {};
    report.add(request.field, request.at, { severity, message: `cannot read ${request.path}: ${reasonOf(code, read.failure)}` });
    return {};
  }
  const text = read.value;
  if (text.length > MAX_ENV_FILE_BYTES) {
    report.add(request.field, request.at, { severity, message: `${request.path} is larger than ${MAX_ENV_FILE_BYTES} bytes (MAX_ENV_FILE_BYTES)` });
    return {};
  }
  const { values, problems } = parseDotenv(text);
  const file = new SourceFile(request.path, text);
  for (const { at, message } of problems) report.add(request.field, { file, start: at, end: at }, { message });
  return values;
}

export function attempt<T>(act: () => T): { value: T } | { failure: unknown } {
  try {
    return { value: act() };
  } catch (failure) {
    return { failure };
  }
}

export function reasonOf(code: string | undefined, failure: unknown): string {
  if (code === "ENOENT") return "no such file";
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  if (code === "EISDIR") return "it is a directory";
  return messageOf(failure);
}
