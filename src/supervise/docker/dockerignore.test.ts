import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { processorTime } from "../../../test/processor-time.ts";
import { Dockerignore } from "./dockerignore.ts";

/** Rules, a path, whether it is left out. Source: Dockerfile reference, ".dockerignore file", and path/filepath.Match of Go. */
const CASES: readonly (readonly [rules: string, path: string, out: boolean])[] = [
  ["node_modules", "node_modules", true],
  ["node_modules", "node_modules/a/b.js", true],
  ["node_modules", "web/node_modules", false],
  ["node_modules/", "node_modules/a", true],
  ["/node_modules", "node_modules/a", true],
  ["**/node_modules", "node_modules", true],
  ["**/node_modules", "a/b/node_modules/c", true],
  ["*.md", "README.md", true],
  ["*.md", "docs/README.md", false],
  ["**/*.md", "docs/README.md", true],
  ["**/*.md", "README.md", true],
  ["*/temp*", "a/temporary.txt", true],
  ["*/temp*", "a/b/temporary.txt", false],
  ["*/*/temp*", "a/b/temporary.txt", true],
  ["temp?", "tempa", true],
  ["temp?", "tempab", false],
  ["docs/**", "docs/a/b", true],
  ["docs/**", "docs", false],
  ["docs/**/x", "docs/x", true],
  ["docs/**/x", "docs/a/b/x", true],
  ["**", "any/thing", true],
  ["*.md\n!README.md", "README.md", false],
  ["*.md\n!README.md", "OTHER.md", true],
  ["!README.md\n*.md", "README.md", true],
  ["*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true],
  ["*\n!src", "src/a.ts", false],
  ["*\n!src", "package.json", true],
  ["dist\n!dist/keep", "dist/keep/x", false],
  ["dist\n!dist/keep", "dist/drop", true],
  ["# node_modules", "node_modules", false],
  ["  node_modules  \r", "node_modules", true],
  ["\n\n", "a", false],
  [".", "a", false],
  ["./a/../b", "b", true],
  ["! a\na", "a", true],
  ["a\n! a", "a", false],
  ["[ab].txt", "a.txt", true],
  ["[^ab].txt", "a.txt", false],
  ["[a-c]x", "bx", true],
  ["a\\*b", "a*b", true],
  ["a\\*b", "axb", false],
  ["a.b", "axb", false],
  ["a+(b)", "a+(b)", true],
  ["\uFEFFsecret", "secret", true],
];

describe("a .dockerignore", () => {
  test.each(CASES)("%j and %s: %p", (rules, path, out) => {
    expect(new Dockerignore(rules).leavesOut(path)).toBe(out);
  });

  test("says which folders are to be looked into all the same", () => {
    const rules = new Dockerignore("dist\nnode_modules\n!dist/a/keep");
    expect(rules.keepsBelow("dist")).toBe(true);
    expect(rules.keepsBelow("dist/a")).toBe(true);
    expect(rules.keepsBelow("dist/b")).toBe(false);
    expect(rules.keepsBelow("node_modules")).toBe(false);
  });

  test("leaves out what lies in what it leaves out, unless it is let in again", () => {
    const name = fc.constantFrom("a", "b", "c.md", "d");
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
    const pattern = fc
      .array(fc.constantFrom("a", "b", "*", "**", "?", "c*"), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.join("/"));
    fc.assert(
      fc.property(fc.array(pattern), path, name, (patterns, folder, below) => {
        const rules = new Dockerignore(patterns.join("\n"));
        if (rules.leavesOut(folder)) expect(rules.leavesOut(`${folder}/${below}`)).toBe(true);
      }),
    );
  });

  test("is read in linear time, and a pattern that is none is said", () => {
    const rules = new Dockerignore(`${"**/a".repeat(20)}\n${"*a".repeat(15)}b`);
    const spent = processorTime();
    rules.leavesOut("a/".repeat(200) + "c");
    rules.leavesOut("a".repeat(60));
    expect(spent()).toBeLessThan(500);
    expect(() => new Dockerignore("ok\n[z-a]x")).toThrow("line 2");
  });
});
