import { errnoOf, type ErrorCode, messageOf, OrcoError } from "../kernel/errors.ts";
import type { JsonObject } from "../kernel/event.ts";

/** The request was right, what it named is not: a link out of the commit, a certificate that is none, a contract of a megabyte. */
const ABOUT_THE_COMMIT: readonly ErrorCode[] = ["invalid", "too_large"];

/** What a run failed of, with the fields of the document (seed 000): they belong to a failure too. */
export function failure(error: unknown, fields: JsonObject): OrcoError {
  const { code, message, facts } = expected(error);
  return new OrcoError(ABOUT_THE_COMMIT.includes(code) ? "unprocessable" : code, message, { ...facts, ...fields }, { cause: error });
}

function expected(error: unknown): OrcoError {
  if (error instanceof OrcoError) return error;
  const errno = errnoOf(error);
  if (errno === "ENOSPC" || errno === "EDQUOT")
    return new OrcoError("disk_full", `the disk is full (${messageOf(error)}); free some space and try again`);
  return new OrcoError("internal", messageOf(error));
}
