import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { addRequirement, includedBy, requirementsOf, withoutRequirement, withSpecifier, withVersion } from "./requirements.ts";

const TEXT = `# web
-r base.txt
--index-url https://pypi.example/simple
Flask[async] == 3.0.99 ; python_version > "3.8"  # pinned
requests>=2,<3
ruamel.yaml
uvicorn[standard]~=0.30.0 \\
    --hash=sha256:abc
-e git+https://example.com/x.git#egg=x
./vendor/thing
mine @ https://example.com/mine.whl
Pillow>= 9.0, <10
`;

describe("requirementsOf", () => {
  test("reads names, versions and markers, and nothing else", () => {
    expect(requirementsOf(TEXT).map(({ name, specifier, marker, line }) => [name, specifier, marker, line])).toEqual([
      ["flask", "==3.0.99", 'python_version > "3.8"', 4],
      ["requests", ">=2,<3", "", 5],
      ["ruamel-yaml", "", "", 6],
      ["uvicorn", "~=0.30.0", "", 7],
      ["pillow", ">=9.0,<10", "", 12],
    ]);
    expect(includedBy(TEXT)).toEqual(["base.txt"]);
  });
});

describe("edits of requirements", () => {
  const of = (name: string) => {
    const found = requirementsOf(TEXT).find((one) => one.name === name);
    if (!found) throw new Error(name);
    return found;
  };

  test("change the version, and only that", () => {
    expect(withVersion(TEXT, of("flask"), { from: "3.0.99", to: "3.0.3" })).toBe(TEXT.replace("3.0.99", "3.0.3"));
    expect(withVersion(TEXT, of("flask"), { from: "9.9", to: "3.0.3" })).toBe(TEXT);
    expect(withSpecifier(TEXT, of("requests"), "")).toBe(TEXT.replace("requests>=2,<3", "requests"));
    expect(withSpecifier(TEXT, of("ruamel-yaml"), "<1")).toBe(TEXT.replace("ruamel.yaml", "ruamel.yaml<1"));
    expect(withSpecifier(TEXT, of("flask"), "==3.0.3")).toBe(TEXT.replace("== 3.0.99", "==3.0.3"));
  });

  test("take a line out, or add one as the file ends its lines", () => {
    expect(withoutRequirement(TEXT, of("requests"))).toBe(TEXT.replace("requests>=2,<3\n", ""));
    expect(withoutRequirement("a\r\nb", requirementsOf("a\r\nb")[1] ?? of("flask"))).toBe("a");
    expect(addRequirement("a\r\nb\r\n", "c")).toBe("a\r\nb\r\nc\r\n");
    expect(addRequirement("a\nb", "c")).toBe("a\nb\nc");
    expect(addRequirement("", "c")).toBe("c\n");
  });

  test("are seen again, whatever the file holds", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "=", "\n", "\r\n", "#", " ", "<", "1", "\\", "[", ";", "-") }), (text) => {
        fc.pre(!/\\\r?\n?$/.test(text));
        const after = addRequirement(text, "PyYAML==6.0");
        expect(after.startsWith(text)).toBe(true);
        expect(requirementsOf(after).at(-1)).toMatchObject({ name: "pyyaml", specifier: "==6.0" });
      }),
    );
  });
});
