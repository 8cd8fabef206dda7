import { expect, test } from "bun:test";
import { brief, loadText, withServices } from "./load-text.ts";

function refusals(source: string): string[] {
  return loadText(source).diagnostics.map(brief);
}

test("broken YAML is told with line and column", () => {
  const [first] = loadText("version: 0.1\nstack: {name: x\nservices:\n").diagnostics;
  expect(first).toMatchObject({ severity: "error", file: "/app/stack.yaml", line: 3 });
  expect(refusals("version: 0.1\nstack:\n\tname: x\n")[0]).toStartWith("3:1");
});

test("a variable without quotes inside [ ] gets a hint", () => {
  expect(refusals(withServices("a: {command: [${A}]}"))[0]).toContain("a variable needs quotes");
});

test("duplicate keys name the first one", () => {
  expect(refusals(withServices("a: {command: [x]}\na: {command: [y]}"))).toEqual(['5:3 services.a: duplicate key "a" (first on line 4)']);
});

test.each(["__proto__", "constructor", "prototype"])("the key %s is refused", (key) => {
  expect(refusals(withServices(`a:\n  command: [x]\n  env: {${key}: x}`))).toEqual([
    `6:11 services.a.env: the key "${key}" is not allowed`,
  ]);
  expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
});

test("an alias bomb is refused by limit, quickly", () => {
  const lines = ["x0: &x0 [a,a,a,a,a,a,a,a,a]"];
  for (let level = 1; level < 12; level++)
    lines.push(
      `x${level}: &x${level} [${Array(9)
        .fill(`*x${level - 1}`)
        .join(",")}]`,
    );
  expect(refusals(lines.join("\n")).join("\n")).toContain("MAX_VALUES");
});

test("an alias of itself, and one of nothing", () => {
  const found = refusals("a: &a [*a]\nb: *nothing\n").join("\n");
  expect(found).toContain("1:8 a[0]: alias *a contains itself");
  expect(found).toContain("2:4 b: unknown alias *nothing");
});

test.each([
  ["flow", "a: ".concat("[".repeat(200), "]".repeat(200))],
  ["block", "a:\n ".concat("- ".repeat(200), "x")],
  ["absurd", "[".repeat(3_000_000)],
  ["absurd block", "- ".repeat(1_000_000)],
  ["absurd mappings", "{a: ".repeat(500_000)],
])("nesting has a limit (%s)", (_, source) => {
  expect(refusals(source)[0]).toContain("64 levels");
});

test("size and number of services have limits", () => {
  expect(refusals(`#${"x".repeat(5 * 1024 * 1024)}`)[0]).toContain("MAX_SOURCE_BYTES");
  const many = (count: number): string => withServices(Array.from({ length: count }, (_, index) => `s${index}: {command: [x]}`).join("\n"));
  expect(refusals(many(1001))).toEqual(["4:3 services: 1001 services; at most 1000 (MAX_SERVICES) [split the stack]"]);
  expect(refusals(many(10_000))[0]).toContain("MAX_SERVICES");
});

test("replicas and instances have limits", () => {
  expect(refusals(withServices("a: {command: [x], replicas: 101}"))).toEqual([
    "4:31 services.a.replicas: 101 replicas; at most 100 (MAX_REPLICAS)",
  ]);
  const many = Array.from({ length: 21 }, (_, index) => `s${index}: {command: [x], replicas: 100}`).join("\n");
  expect(refusals(withServices(many))).toEqual([expect.stringContaining("more than 2000 instances together (MAX_INSTANCES)")]);
});

test("tags, several documents, NUL and lists instead of mappings are refused", () => {
  expect(refusals("a: !!js/function x").join()).toContain("tags are not part of stack.yaml");
  expect(refusals("a: 1\n---\nb: 2").join()).toContain("one YAML document");
  expect(refusals(withServices('a: {command: ["x\\0y"]}'))[0]).toContain("NUL");
  expect(refusals("- a")[0]).toContain("expected a mapping");
  expect(refusals("")[0]).toContain("expected a mapping");
});

test("anchors and merge keys work", () => {
  const { spec } = loadText(withServices("a: &a\n  command: [x]\n  env: {K: one}\nb:\n  <<: *a\n  env: {K: two}"));
  expect(spec?.services["b"]).toMatchObject({ command: ["x"], env: { K: "two" } });
});
