import { describe, expect, test } from "bun:test";
import { Glob } from "bun";
import { findCycle, resolveImport } from "./tidy/imports.ts";
import { folderOf, refuseImport } from "./tidy/ranks.ts";
import { type Import, readSource, type Source } from "./tidy/source.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const MAX_FILE_LINES = 300;
const MAX_FUNCTION_LINES = 70;
const MAX_PARAMETERS = 3;
const MAX_MUTABLE_FIELDS = 8;
const VAGUE_NAME = /(^|[-_.])(utils?|helpers?|managers?|common)([-_.]|$)/i;
const VAGUE_CLASS = /(Utils?|Helpers?|Manager|Common)$/;
const TEST_FILE = /\.(test|suite)\.ts$/;

const all = await readAll();
const src = all.filter(({ path }) => path.startsWith("src/"));
const product = src.filter(({ path }) => !TEST_FILE.test(path));

async function readAll(): Promise<Source[]> {
  const paths = [...new Glob("{src,test,bench,scripts,examples,conformance}/**/*.{ts,tsx,mjs}").scanSync(ROOT)].toSorted();
  return Promise.all(paths.map(async (path) => readSource(path, await Bun.file(`${ROOT}${path}`).text())));
}

/** `path:line what` for each finding, so that a failure reads as a list. */
function findings(sources: readonly Source[], find: (source: Source) => readonly (readonly [line: number, what: string])[]): string[] {
  return sources.flatMap((source) => find(source).map(([line, what]) => `${source.path}:${line} ${what}`));
}

function edgesOf(sources: readonly Source[], wanted: (imported: Import) => boolean): Map<string, string[]> {
  const targets = ({ path, imports }: Source): string[] =>
    imports.filter(wanted).flatMap(({ specifier }) => resolveImport(path, specifier) ?? []);
  return new Map(sources.map((source) => [source.path, targets(source)]));
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;
}

describe("imports", () => {
  test("are seen at all", () => {
    expect(src.length).toBeGreaterThan(0);
    expect(src.flatMap(({ imports }) => imports).length).toBeGreaterThan(0);
    expect(src.flatMap(({ imports }) => imports).some(({ typeOnly }) => typeOnly)).toBe(true);
  });

  test("point downward only", () => {
    const refused = findings(src, ({ path, imports }) =>
      imports.flatMap((imported) => {
        const target = resolveImport(path, imported.specifier);
        const reason = target && refuseImport(path, target, imported);
        return reason ? [[imported.line, `${imported.specifier}: ${reason}`] as const] : [];
      }),
    );
    expect(refused).toEqual([]);
  });

  test("form no cycle", () => {
    expect(findCycle(edgesOf(all, ({ typeOnly }) => !typeOnly))).toBeUndefined();
  });

  test("never go through a barrel", () => {
    expect(src.map(({ path }) => path).filter((path) => /\/index\.tsx?$/.test(path))).toEqual([]);
  });
});

describe("size", () => {
  test(`of a file: ${MAX_FILE_LINES} lines at most`, () => {
    expect(findings(all, ({ lines }) => (lines > MAX_FILE_LINES ? [[lines, `${lines} lines`]] : []))).toEqual([]);
  });

  test("of most files: median 90, p90 200", () => {
    const lines = product.map((source) => source.lines);
    expect(percentile(lines, 0.5)).toBeLessThanOrEqual(90);
    expect(percentile(lines, 0.9)).toBeLessThanOrEqual(200);
  });

  test(`of a function: ${MAX_FUNCTION_LINES} lines at most`, () => {
    const long = findings(all, ({ functions }) =>
      functions.filter(({ lines }) => lines > MAX_FUNCTION_LINES).map(({ line, lines }) => [line, `${lines} lines`] as const),
    );
    expect(long).toEqual([]);
  });

  test("of most functions: p90 25", () => {
    expect(
      percentile(
        product.flatMap(({ functions }) => functions.map(({ lines }) => lines)),
        0.9,
      ),
    ).toBeLessThanOrEqual(25);
  });

  test(`of a signature: ${MAX_PARAMETERS} parameters at most`, () => {
    const wide = findings(product, ({ functions }) =>
      functions
        .filter(({ parameters }) => parameters > MAX_PARAMETERS)
        .map(({ line, parameters }) => [line, `${parameters} parameters`] as const),
    );
    expect(wide).toEqual([]);
  });

  test(`of a class: ${MAX_MUTABLE_FIELDS} mutable fields at most`, () => {
    const heavy = findings(product, ({ classes }) =>
      classes
        .filter(({ mutableFields }) => mutableFields > MAX_MUTABLE_FIELDS)
        .map(({ line, name, mutableFields }) => [line, `${name} has ${mutableFields}`] as const),
    );
    expect(heavy).toEqual([]);
  });
});

describe("habits", () => {
  test("no utils, helpers, manager or common", () => {
    const files = all.map(({ path }) => path).filter((path) => path.split("/").some((part) => VAGUE_NAME.test(part)));
    const classes = findings(all, (source) =>
      source.classes.filter(({ name }) => VAGUE_CLASS.test(name)).map(({ line, name }) => [line, name] as const),
    );
    expect([...files, ...classes]).toEqual([]);
  });

  test("no test sleeps", () => {
    const tests = all.filter(({ path }) => TEST_FILE.test(path));
    expect(findings(tests, ({ sleeps }) => sleeps.map((line) => [line, "sleeps"] as const))).toEqual([]);
  });

  test("no empty catch", () => {
    expect(findings(all, ({ emptyCatches }) => emptyCatches.map((line) => [line, "empty catch"] as const))).toEqual([]);
  });

  test("no module-level let", () => {
    expect(findings(product, ({ moduleLets }) => moduleLets.map((line) => [line, "let at module level"] as const))).toEqual([]);
  });
});

describe("the rules themselves", () => {
  test("tell values from types, whatever the form", () => {
    const text = `import type { A } from "./a.ts"; import { type B } from "./b.ts"; import { type C, d } from "./c.ts";
      export * from "./e.ts"; export type { F } from "./f.ts"; const g = await import("./g.ts"); type H = import("./h.ts").H; import "./i.ts";`;
    const seen = readSource("src/x.ts", text).imports.map(({ specifier, typeOnly }) => `${specifier.slice(2, 3)}${typeOnly ? "t" : "v"}`);
    expect(seen.toSorted()).toEqual(["at", "bt", "cv", "ev", "ft", "gv", "ht", "iv"]);
  });

  test("find a cycle and print its path", () => {
    expect(
      findCycle(
        new Map([
          ["a", ["b"]],
          ["b", ["c"]],
          ["c", ["b"]],
        ]),
      ),
    ).toBe("b → c → b");
  });

  test("refuse upward and sideways imports", () => {
    const value = { typeOnly: false };
    expect(folderOf("src/main.ts")).toBe("main");
    expect(refuseImport("src/kernel/a.ts", "src/stack/b.ts", value)).toContain("may not import");
    expect(refuseImport("src/supervise/a.ts", "src/workflow/b.ts", { typeOnly: true })).toContain("may not import");
    expect(refuseImport("src/cli/up.ts", "src/stack/plan.ts", value)).toContain("may not import");
    expect(refuseImport("src/cli/up.ts", "src/stack/view.ts", { typeOnly: true })).toBeUndefined();
    expect(refuseImport("src/http/a.ts", "src/stack/b.ts", value)).toBeUndefined();
  });

  test("see long functions, sleeps, empty catches and module lets", () => {
    const body = "\n".repeat(80);
    const source = readSource(
      "src/x.ts",
      `let a = 1;\nfunction f() {${body}}\ntry { f(); } catch {}\nsleep(1); await Bun.sleep(2);\ndescribe("x", () => {${body}});\n`,
    );
    expect(source.functions).toEqual([{ line: 2, lines: 81, parameters: 0 }]);
    expect([source.emptyCatches.length, source.sleeps.length, source.moduleLets]).toEqual([1, 2, [1]]);
  });
});
