import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { addDependency, promoteDependency, readPackage } from "./package-json.ts";

const NAME = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
const DEPENDENCIES = fc.dictionary(NAME, fc.constantFrom("^1.0.0", "*", "~2.3.4"), { maxKeys: 6, noNullPrototype: true });

describe("addDependency", () => {
  test("keeps everything else, in order", () => {
    const text = `{\n    "name": "api",\n    "files": ["a", "b"],\n    "dependencies": {\n        "cors": "2",\n        "ms": "^2.1.3"\n    },\n    "x": 1\n}\n`;
    expect(addDependency(text, "express", "^4.21.2")).toBe(text.replace('"2",\n', '"2",\n        "express": "^4.21.2",\n'));
    expect(addDependency(text, "zod", "*")).toBe(text.replace('"^2.1.3"', '"^2.1.3",\n        "zod": "*"'));
  });

  test("makes the section where there is none, with the file's own indentation and line ends", () => {
    expect(addDependency('{\r\n\t"name": "a"\r\n}\r\n', "ms", "*")).toBe(
      '{\r\n\t"name": "a",\r\n\t"dependencies": {\r\n\t\t"ms": "*"\r\n\t}\r\n}\r\n',
    );
    expect(addDependency('{"name":"a"}', "ms", "*")).toBe('{"name":"a", "dependencies": { "ms": "*" }}');
    expect(addDependency('{\n  "dependencies": {}\n}', "ms", "*")).toBe('{\n  "dependencies": {\n    "ms": "*"\n  }\n}');
    expect(readPackage(addDependency("{}", "ms", "*") ?? "")?.dependencies).toEqual({ ms: "*" });
  });

  test("does nothing where it stands already, or where it is no package.json", () => {
    expect(addDependency('{"dependencies":{"ms":"1"}}', "ms", "*")).toBeUndefined();
    expect(addDependency('{"dependencies":[]}', "ms", "*")).toBeUndefined();
    expect(addDependency("{ // no\n}", "ms", "*")).toBeUndefined();
    expect(addDependency("[]", "ms", "*")).toBeUndefined();
  });

  test("only ever adds: whatever the package and its layout", () => {
    fc.assert(
      fc.property(
        DEPENDENCIES,
        DEPENDENCIES,
        NAME,
        fc.constantFrom<number | string>(0, 2, 4, "\t"),
        fc.constantFrom("\n", "\r\n"),
        (dependencies, devDependencies, name, indent, eol) => {
          fc.pre(!(name in dependencies));
          const before = { name: 'a "quoted" {name}', devDependencies, dependencies, list: ["}", { a: [1] }] };
          const text = JSON.stringify(before, null, indent).replaceAll("\n", eol);
          const after = addDependency(text, name, "^1.2.3") ?? "";
          expect(JSON.parse(after)).toEqual({ ...before, dependencies: { ...dependencies, [name]: "^1.2.3" } });
          expect(after.includes("\n")).toBe(indent !== 0);
          expect(after.split("\n").every((line, at, all) => eol === "\n" || at === all.length - 1 || line.endsWith("\r"))).toBe(true);
        },
      ),
    );
  });
});

describe("promoteDependency", () => {
  test("moves it out of devDependencies, whatever the rest of them", () => {
    fc.assert(
      fc.property(DEPENDENCIES, NAME, fc.constantFrom<number | string>(0, 2, "\t"), (dev, name, indent) => {
        const { [name]: _, ...others } = dev;
        const text = JSON.stringify({ devDependencies: { ...dev, [name]: "~9.9.9" }, type: "module" }, null, indent);
        const after = promoteDependency(text, name) ?? "";
        expect(JSON.parse(after)).toEqual({ devDependencies: others, type: "module", dependencies: { [name]: "~9.9.9" } });
      }),
    );
    expect(promoteDependency('{"devDependencies":{}}', "ms")).toBeUndefined();
  });
});
