import { expect, test } from "bun:test";
import { brief, loadText } from "./load-text.ts";
import { references } from "./references.ts";

const main = "version: 0.1\nincludes: [base.yaml]\nstack: {name: x}\nservices:\n  a: {command: [x], env: {A: main}}\n";

test("included files are merged below, mapping by mapping", () => {
  const base =
    "version: 0.1\nstack: {name: other, workdir: sub}\nservices:\n  a: {replicas: 2, env: {A: base, B: base}}\n  b: {command: [y]}\n";
  const { spec } = loadText(main, { files: { "/app/base.yaml": base } });
  expect(spec).toMatchObject({ name: "x", workdir: "/app/sub", services: { a: { replicas: 2, env: { A: "main", B: "base" } }, b: {} } });
});

test("findings name the included file", () => {
  const { diagnostics } = loadText(main, { files: { "/app/base.yaml": "services:\n  a:\n    replica: 1\n" } });
  expect(diagnostics).toMatchObject([{ file: "/app/base.yaml", line: 3, column: 5, source: "    replica: 1" }]);
});

test("paths are relative to the including file and may hold variables", () => {
  const files = { "/app/sub/one.yaml": "includes: [two.yaml]\n", "/app/sub/two.yaml": "services: {b: {command: [y]}}" };
  const { spec } = loadText(main.replace("base.yaml", '"${DIR}/one.yaml"'), { files, env: { DIR: "sub" } });
  expect(Object.keys(spec?.services ?? {})).toEqual(["b", "a"]);
});

test("a cycle is printed as its path, missing and remote files are refused", () => {
  const files = { "/app/base.yaml": "includes: [./again.yaml]", "/app/again.yaml": "includes:\n - base.yaml" };
  expect(loadText(main, { files }).diagnostics.map(brief)).toEqual([
    "2:4 includes: include cycle: /app/base.yaml → /app/again.yaml → /app/base.yaml",
  ]);
  expect(loadText(main).diagnostics.map(brief)).toEqual(["2:12 includes: cannot read /app/base.yaml: no such file"]);
  expect(loadText(main.replace("base.yaml", "https://x/y.yaml")).diagnostics[0]?.message).toBe("only local files can be included");
});

test("many files that include each other twice are read once each", () => {
  const files = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [
      `/app/f${index}.yaml`,
      index === 39 ? "{}" : `includes: [f${index + 1}.yaml, f${index + 1}.yaml]`,
    ]),
  );
  expect(loadText(main.replace("base.yaml", "f0.yaml"), { files }).diagnostics).toEqual([]);
});

test("references name what a caller must send, included files too", () => {
  const source = `${main}# $A \${B:-\${C}} $$D $(x)\n`;
  const always = ["HOME", "LANG", "PATH", "TMPDIR", "TZ"];
  expect(references("x: 1")).toEqual(always);
  expect(references(source)).toEqual(["A", "B", "C", "D", ...always].toSorted());
  const files: Record<string, string> = { "/app/base.yaml": "services: {z: {command: [$IN]}}" };
  expect(references(source, { file: "/app/stack.yaml", workdir: "/app", env: {}, readFile: (path) => files[path] })).toContain("IN");
});
