import { describe, expect, test } from "bun:test";
import { parseDockerfile } from "../dockerfile/parse.ts";
import { commandsOf, withWords } from "./run-command.ts";

function commandsIn(text: string) {
  const [stage] = parseDockerfile(text).stages;
  return (stage?.instructions ?? []).flatMap((instruction) => commandsOf(text, instruction));
}

function wordsIn(text: string): string[] {
  return commandsIn(text).map(({ words }) => words.map(({ text }) => text).join(" "));
}

/** The Dockerfile with `PyYAML` behind its command at `index`. */
function added(text: string, index = 0): string {
  const command = commandsIn(text)[index];
  return command ? withWords(text, command, ["PyYAML", "setuptools<82"]) : "";
}

describe("commandsOf", () => {
  test("reads what stands between operators", () => {
    expect(wordsIn("FROM a\nRUN set -ex; pip install 'a b' && echo \"x;y\" > /tmp/log || true\n")).toEqual([
      "set -ex",
      "pip install a b",
      "echo x;y",
      "/tmp/log",
      "true",
    ]);
  });

  test("reads over continuations, comments between and flags", () => {
    const text =
      "FROM a\nRUN --mount=type=cache,target=/c --network=none \\\n  pip install \\\n    # the web\n    flask \\\n    gunicorn\nRUN true\n";
    expect(wordsIn(text)).toEqual(["pip install flask gunicorn", "true"]);
  });

  test("reads the exec form", () => {
    expect(wordsIn('FROM a\nRUN ["pip", "install", "a b"]\n')).toEqual(["pip install a b"]);
  });
});

describe("withWords", () => {
  test("adds at the end of that command", () => {
    expect(added("FROM a\nRUN pip install flask && rm -rf /x\n")).toBe(
      'FROM a\nRUN pip install flask PyYAML "setuptools<82" && rm -rf /x\n',
    );
    expect(added("FROM a\r\nRUN pip install \\\r\n    flask  \\\r\n && true\r\n")).toBe(
      'FROM a\r\nRUN pip install \\\r\n    flask PyYAML "setuptools<82"  \\\r\n && true\r\n',
    );
    expect(added("FROM a\nRUN pip install flask")).toBe('FROM a\nRUN pip install flask PyYAML "setuptools<82"');
    expect(added('FROM a\nRUN ["pip", "install", "flask"]\n')).toBe('FROM a\nRUN ["pip", "install", "flask", "PyYAML", "setuptools<82"]\n');
    expect(added("FROM a\nRUN <<EOF\npip install flask\npip check\nEOF\n", 1)).toBe(
      'FROM a\nRUN <<EOF\npip install flask PyYAML "setuptools<82"\npip check\nEOF\n',
    );
  });
});
