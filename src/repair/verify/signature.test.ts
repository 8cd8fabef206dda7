import { expect, test } from "bun:test";
import { signatureLook, stillThere } from "./signature.ts";

const FINDING = {
  signature: "python-module-missing:yaml",
  evidence: ["container:3: Traceback (most recent call last):", "container:7: ModuleNotFoundError: No module named 'yaml'"],
};

test("the line that names what was at fault is looked for, wherever it is and whatever stands before it", () => {
  const again = "2026-11-22T01:12:42.123Z ModuleNotFoundError: No module named 'yaml'";
  expect(stillThere(FINDING, ["listening on 8000", again])).toBe(again);
  expect(stillThere(FINDING, ["  ModuleNotFoundError: No module named 'yaml'  "])).toBeDefined();
});

test("another fault is not this one, nor is a traceback by itself", () => {
  expect(stillThere(FINDING, ["Traceback (most recent call last):", "ModuleNotFoundError: No module named 'requests'"])).toBeUndefined();
  expect(stillThere(FINDING, [])).toBeUndefined();
});

test("numbers may differ", () => {
  const finding = { signature: "database-refused", evidence: ["container:1: connect to 10.0.0.3:5432 refused after 31 ms"] };
  expect(stillThere(finding, ["connect to 10.0.0.9:5432 refused after 7 ms"])).toBeDefined();
  expect(stillThere({ ...finding, evidence: ["container:1: Error"] }, ["Error"])).toBeUndefined();
});

test("it says which, and how much was looked at", () => {
  expect(signatureLook(FINDING, ["up"])).toEqual({
    ok: true,
    detail: "python-module-missing:yaml is not in the log of the container (1 lines)",
  });
  expect(signatureLook(FINDING, ["ModuleNotFoundError: No module named 'yaml'"])).toMatchObject({ ok: false });
});
