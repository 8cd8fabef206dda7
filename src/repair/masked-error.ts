import { messageOf, OrcoError } from "../kernel/errors.ts";
import { mapTexts } from "../kernel/map-texts.ts";

/** The error without what must not be seen, in its message and its facts; the same one where there is nothing of that in it. */
export function maskedError(error: unknown, clean: (text: string) => string): unknown {
  const message = messageOf(error);
  const facts = error instanceof OrcoError ? mapTexts(error.facts, clean) : undefined;
  const isClean = clean(message) === message && (facts === undefined || Bun.deepEquals(facts, (error as OrcoError).facts));
  if (isClean) return error;
  if (!(error instanceof OrcoError)) return new Error(clean(message));
  return new OrcoError(error.code, clean(message), facts as OrcoError["facts"]);
}
