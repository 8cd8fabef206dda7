import { expect, test } from "bun:test";
import { formatDiagnostic, formatDiagnostics } from "./diagnostic.ts";
import type { Diagnostic } from "./errors.ts";

const found: Diagnostic = {
  severity: "error",
  file: "stack.yaml",
  line: 12,
  column: 5,
  path: "services.api.replica",
  message: 'unknown key "replica"',
  source: "    replica: 2",
  hint: "did you mean replicas?",
};

test("a finding shows place, line, caret and hint", () => {
  expect(formatDiagnostic(found)).toBe(
    ['stack.yaml:12:5: error: unknown key "replica"', "  12 |     replica: 2", "     |     ^", "  hint: did you mean replicas?"].join("\n"),
  );
});

test("without a source line only the place and the message are shown", () => {
  const { source: _source, hint: _hint, ...bare } = found;
  expect(formatDiagnostic(bare)).toBe('stack.yaml:12:5: error: unknown key "replica"');
});

test("control characters of the file do not reach the terminal", () => {
  const text = formatDiagnostic({ ...found, source: "\t\x1b]0;owned\x07x: 1", column: 2, message: "bad \x1b[2J" });
  expect(text).not.toContain("\x1b");
  expect(text).toContain("     |  ^");
});

test("the caret stands under wide characters", () => {
  const lines = formatDiagnostic({ ...found, source: "名前: x", column: 5 }).split("\n");
  expect(lines[2]).toBe("     |       ^");
});

test("a very long line is cut around its column", () => {
  const text = formatDiagnostic({ ...found, source: `${"a".repeat(5000)}!${"b".repeat(5000)}`, column: 5001 });
  const [, source = "", caret = ""] = text.split("\n");
  expect(source.length).toBeLessThan(140);
  expect(source[caret.indexOf("^")]).toBe("!");
});

test("a caret past the end of the line stays near it", () => {
  expect(formatDiagnostic({ ...found, source: "ab", column: 900 }).split("\n")[2]).toBe("     |   ^");
});

test("several findings end with their count", () => {
  const text = formatDiagnostics([found, { ...found, severity: "warning" }, { ...found, severity: "unsupported" }]);
  expect(text.endsWith("\n\n1 error, 1 unsupported, 1 warning")).toBe(true);
});
