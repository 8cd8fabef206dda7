import { expect, test } from "bun:test";
import { OrcoError } from "../kernel/errors.ts";
import { Redactor } from "../supervise/logs/redact.ts";
import { maskedError } from "./masked-error.ts";

const { clean } = new Redactor(["hunter2222"]);

test("an error with nothing to hide is the same one", () => {
  const error = new OrcoError("verify_failed", "it has ended", { log: ["exit 3", { code: 3 }], at: undefined });
  expect(maskedError(error, clean)).toBe(error);
  expect(maskedError("a word", clean)).toBe("a word");
});

test("a secret is masked in the message and, however deep, in the facts", () => {
  const facts = { log: ["--token=hunter2222", { said: "hunter2222" }], tries: 3, none: null };
  const error = maskedError(
    new OrcoError("start_failed", "exec hunter2222", facts, { cause: new Error("hunter2222") }),
    clean,
  ) as OrcoError;
  expect([error.code, error.message, error.facts, error.cause]).toEqual([
    "start_failed",
    "exec [redacted]",
    { log: ["--token=[redacted]", { said: "[redacted]" }], tries: 3, none: null },
    undefined,
  ]);
  expect(String(maskedError(new TypeError("no hunter2222"), clean))).toBe("Error: no [redacted]");
});
