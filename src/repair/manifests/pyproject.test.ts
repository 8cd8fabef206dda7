import { describe, expect, test } from "bun:test";
import { addToPyproject, namesIn, styleOf, withPyprojectVersion } from "./pyproject.ts";

const PROJECT = `[build-system]
requires = ["setuptools"]

[project]
name = "api"
version = "1.0"
dependencies = [
    "flask[async]>=3",  # the web ]
    'uvicorn[standard]==0.30.0',
]

[project.optional-dependencies]
dev = ["pytest"]
`;

const POETRY = `[tool.poetry]
name = "api"

[tool.poetry.dependencies]
python = "^3.11"
Flask = "3.0.99"
uvicorn = { version = "^0.30", extras = ["standard"] }

[tool.poetry.group.dev.dependencies]
pytest = "*"
`;

describe("pyproject.toml", () => {
  test("tells what it depends on", () => {
    expect([styleOf(PROJECT), styleOf(POETRY), styleOf("[tool.ruff]\n")]).toEqual(["project", "poetry", undefined]);
    expect([...namesIn(PROJECT)]).toEqual(["flask", "uvicorn"]);
    expect([...namesIn(POETRY)]).toEqual(["python", "flask", "uvicorn"]);
  });

  test("gets one dependency more, written as the others", () => {
    expect(addToPyproject(PROJECT, "PyYAML")).toBe(PROJECT.replace("0.30.0',\n", '0.30.0\',\n    "PyYAML",\n'));
    expect(addToPyproject(POETRY, "setuptools<82")).toBe(POETRY.replace('["standard"] }\n', '["standard"] }\nsetuptools = "<82"\n'));
    expect(addToPyproject(POETRY, "PyYAML")).toContain('\nPyYAML = "*"\n\n[tool.poetry.group');
  });

  test("whatever the array looks like", () => {
    const of = (array: string) =>
      addToPyproject(`[project]\nname = "a"\ndependencies = ${array}\nversion = "1"\n`, "PyYAML")?.split("\n").slice(2).join("\n");
    expect(of("[]")).toBe('["PyYAML"]\nversion = "1"\n'.replace("[", "dependencies = ["));
    expect(of('["flask"]')).toBe('dependencies = ["flask", "PyYAML"]\nversion = "1"\n');
    expect(of('["flask", ]')).toBe('dependencies = ["flask", "PyYAML", ]\nversion = "1"\n');
    expect(of('[\n\t"flask"\n]')).toBe('dependencies = [\n\t"flask",\n\t"PyYAML"\n]\nversion = "1"\n');
    expect(of('[\n  "flask", # web\n]')).toBe('dependencies = [\n  "flask", # web\n  "PyYAML",\n]\nversion = "1"\n');
  });

  test("gets the array where there is none, but not where it comes from elsewhere", () => {
    expect(addToPyproject('[project]\r\nname = "a"\r\n\r\n[tool.x]\r\n', "PyYAML")).toBe(
      '[project]\r\nname = "a"\r\ndependencies = [\r\n    "PyYAML",\r\n]\r\n\r\n[tool.x]\r\n',
    );
    expect(addToPyproject('[project]\nname = "a"\ndynamic = ["version", "dependencies"]\n', "PyYAML")).toBeUndefined();
    expect(addToPyproject("[tool.ruff]\n", "PyYAML")).toBeUndefined();
  });

  test("gets another version", () => {
    expect(withPyprojectVersion(PROJECT, "uvicorn", { from: "0.30.0", to: "0.30.6" })).toBe(PROJECT.replace("0.30.0", "0.30.6"));
    expect(withPyprojectVersion(POETRY, "flask", { from: "3.0.99", to: "3.0.3" })).toBe(POETRY.replace("3.0.99", "3.0.3"));
    expect(withPyprojectVersion(POETRY, "flask", { from: "99", to: "3.0.3" })).toBeUndefined();
    expect(withPyprojectVersion(PROJECT, "django", { from: "1", to: "2" })).toBeUndefined();
  });
});
