import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { decideGate } from "./gate.ts";
import { globProblem, matchesGlob } from "./glob.ts";

const matching: readonly (readonly [pattern: string, covered: readonly string[], others: readonly string[]])[] = [
  ["migrations/", ["migrations/1.sql", "db/migrations/a/b.sql"], ["migrations", "migrations2/1.sql", "my-migrations/1"]],
  ["/migrations/", ["migrations/1.sql"], ["db/migrations/1.sql"]],
  ["db/migrations", ["db/migrations", "db/migrations/1.sql"], ["db/migrations.md", "x/db/migrations/1.sql"]],
  ["package.json", ["package.json", "web/package.json"], ["package.json5", "package-json"]],
  ["*.sql", ["a.sql", "x/y/.sql"], ["a.sql/readme", "a.sqlx"]],
  ["db/*.sql", ["db/a.sql"], ["db/x/a.sql", "x/db/a.sql"]],
  ["db/**/*.sql", ["db/a.sql", "db/x/y/a.sql"], ["a.sql", "db/a.txt"]],
  ["**", ["a", "a/b/c"], []],
  ["**/auth/**", ["auth/a", "x/auth/b/c"], ["author/a", "x/y"]],
  ["src/?.ts", ["src/a.ts", "src/é.ts", "src/😀.ts"], ["src/ab.ts", "src/.ts"]],
  ["app/\\[id\\]/page.tsx", ["app/[id]/page.tsx"], ["app/i/page.tsx"]],
  ["a\\*b", ["a*b"], ["axb"]],
  ["*a*b*c", ["xaxbxc", "abc"], ["acb"]],
];

for (const [pattern, covered, others] of matching) {
  test(`pattern ${pattern}`, () => {
    expect(globProblem(pattern)).toBeUndefined();
    expect(covered.filter((path) => !matchesGlob(pattern, path))).toEqual([]);
    expect(others.filter((path) => matchesGlob(pattern, path))).toEqual([]);
  });
}

test("what is no pattern is named", () => {
  for (const pattern of ["", "/", "!a", "a\\", "[ab]", "{a,b}", "a//b", "../a", "./a", "a**", "a\nb", "x".repeat(2000)])
    expect(globProblem(pattern)).toBeString();
  expect(globProblem("[ab]")).toBe("[ has no meaning here; write \\[ where a name holds it");
});

test("any path is covered by itself, escaped, and by **", () => {
  const name = fc.string({ minLength: 1, unit: "binary" }).filter((text) => !/[/\p{Cc}]|^\.{1,2}$/u.test(text));
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), (names) => {
      const path = names.join("/");
      expect(matchesGlob(`/${path.replaceAll(/[\\*?[\]{}!]/g, "\\$&")}`, path)).toBe(true);
      expect(matchesGlob("**", path)).toBe(true);
    }),
  );
});

test("a pattern made to take for ever does not", () => {
  expect(matchesGlob(`${"*a".repeat(400)}b`, "a".repeat(4000))).toBe(false);
  expect(matchesGlob(`${"**/a/".repeat(200)}b`, `${"a/".repeat(2000)}c`)).toBe(false);
});

test("a gate gives every reason", () => {
  const files = [
    { path: "migrations/7.sql", lines: 40 },
    { path: "src/a.ts", lines: 20 },
  ];
  expect(decideGate({ files }, { protected_paths: [] })).toEqual([]);
  expect(decideGate({ files }, { protected_paths: ["docs/"], diff_limits: { max_files: 2, max_lines: 60 } })).toEqual([]);
  const reasons = decideGate(
    { files },
    { protected_paths: ["docs/", "migrations/", "*.sql"], diff_limits: { max_files: 1, max_lines: 59 } },
  );
  expect(reasons).toEqual([
    { kind: "protected_path", path: "migrations/7.sql", pattern: "migrations/" },
    { kind: "too_many_files", files: 2, max: 1 },
    { kind: "too_many_lines", lines: 60, max: 59 },
  ]);
});

test("thousands of protected paths are not all named", () => {
  const files = Array.from({ length: 5000 }, (_, index) => ({ path: `migrations/${index}.sql`, lines: 1 }));
  expect(decideGate({ files }, { protected_paths: ["migrations/"] })).toHaveLength(20);
});
