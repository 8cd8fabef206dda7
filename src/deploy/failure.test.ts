import { expect, test } from "bun:test";
import { OrcoError } from "../kernel/errors.ts";
import { failure } from "./failure.ts";

test("a failure has the document's fields, whatever it failed of, and never blames the request for what is in the commit", () => {
  const fields = { slot: "blue", commit: "c" };
  const full = Object.assign(new Error("ENOSPC: no space left on device, mkdir"), { code: "ENOSPC" });
  expect(failure(full, fields)).toMatchObject({ code: "disk_full", facts: fields });
  expect(failure(new Error("a defect"), fields)).toMatchObject({ code: "internal", message: "a defect", facts: fields });
  expect(failure(new OrcoError("invalid", "the link leads out", { path: "a" }), fields)).toMatchObject({
    code: "unprocessable",
    facts: { path: "a", ...fields },
  });
  expect(failure(new OrcoError("unhealthy", "no"), fields).code).toBe("unhealthy");
});
