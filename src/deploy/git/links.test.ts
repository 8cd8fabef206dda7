import { afterEach, expect, test } from "bun:test";
import * as fc from "fast-check";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { errnoOf } from "../../kernel/errors.ts";
import { leadsOut } from "./links.ts";

const dirs: string[] = [];

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function out(links: Record<string, string>): string[] {
  const all = new Map(Object.entries(links));
  return [...all.keys()].filter((path) => leadsOut(path, all));
}

test("absolute targets, and those with too many .., lead out", () => {
  expect(out({ a: "b", "d/up": "../b", "d/e/here": ".", "d/self": "../d", dangling: "no/such/file", root: "." })).toEqual([]);
  expect(out({ a: "/etc/passwd", b: "../x", "d/c": "../../x", "d/ok": "..", "d/e": "x/../../../y" })).toEqual(["a", "b", "d/c", "d/e"]);
});

test("links on the way are followed: what is inside by its words may be outside", () => {
  expect(out({ "a/up": "..", out: "a/up/../x" })).toEqual(["out"]);
  expect(out({ "a/b/top": "../..", "c/x": "../a/b/top/y", "c/z": "../a/b/top/../y" })).toEqual(["c/z"]);
});

test("circles end", () => {
  expect(out({ a: "b", b: "a", c: "c/d", d: "./d" })).toEqual([]);
});

test("agrees with the kernel", () => {
  const name = fc.constantFrom("a", "b", "c");
  const target = fc
    .array(fc.constantFrom("a", "b", "c", "link0", "link1", "link2", "..", ".."), { minLength: 1, maxLength: 5 })
    .map((parts) => parts.join("/"));
  const link = fc.record({ folders: fc.array(name, { maxLength: 2 }), target });
  fc.assert(
    fc.property(fc.array(link, { minLength: 1, maxLength: 5 }), (drawn) => {
      const root = mkdtempSync(join(tmpdir(), "orco-links-"));
      dirs.push(root);
      // Deep enough that what leads out still leads somewhere that exists.
      const tree = join(root, "1/2/3/4/5/tree");
      const links = new Map<string, string>();
      for (const folder of ["a/a", "a/b", "b/c", "c"]) mkdirSync(join(tree, folder), { recursive: true });
      for (const [index, { folders, target }] of drawn.entries()) {
        const path = [...folders, `link${index}`].join("/");
        mkdirSync(dirname(join(tree, path)), { recursive: true });
        symlinkSync(target, join(tree, path));
        links.set(path, target);
      }
      writeFileSync(join(tree, "file"), "");
      for (const path of links.keys()) {
        const real = realOf(join(tree, path));
        if (real !== undefined && real !== tree && !real.startsWith(`${tree}/`))
          expect([path, leadsOut(path, links)]).toEqual([path, true]);
        else if (real !== undefined) expect([path, leadsOut(path, links), [...links]]).toEqual([path, false, [...links]]);
      }
    }),
    { numRuns: 60 },
  );
});

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ELOOP" || errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}
