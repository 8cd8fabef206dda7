import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { addFlag, addWords, insertAfter, insertBefore, replaceIn } from "./edit.ts";
import { installPackages } from "./install.ts";
import { type Dockerfile, type Instruction, parseDockerfile } from "./parse.ts";

const INSTRUCTIONS = [
  "RUN pip install -r requirements.txt",
  "RUN apt-get update && \\\n    # why\n    apt-get install -y \\\n      curl\\\n      git",
  "COPY . .",
  "ADD x.tar /",
  "USER app",
  "USER root",
  "ENV A=1 B=2",
  "ARG VERSION",
  "# a word about what follows",
  "",
  "RUN <<EOF\napt-get update\nFROM nowhere\nEOF",
  'CMD ["python", "app.py"]',
  "ENV http_proxy=http://proxy:3128",
  "WORKDIR /app",
];
const stage = fc.tuple(
  fc.constantFrom("FROM debian:bookworm-slim", "FROM python:3.11-slim AS build", "FROM build"),
  fc.array(fc.constantFrom(...INSTRUCTIONS), { maxLength: 8 }),
);
const file = fc.tuple(fc.array(stage, { minLength: 1, maxLength: 3 }), fc.constantFrom("\n", "\r\n"), fc.boolean()).map(
  ([stages, end, ended]) =>
    stages
      .flatMap(([from, rest]) => [from, ...rest])
      .join("\n")
      .replaceAll("\n", end) + (ended ? end : ""),
);
const wanted = fc.uniqueArray(fc.constantFrom("gcc", "libpq-dev", "curl", "git", "g++"), { minLength: 1 });

function shape({ stages }: Dockerfile): unknown {
  return stages.map(({ name, image }) => ({ name, image }));
}

function lines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** Whether `longer` is `text` with lines put in between. */
function isPutBetween(text: string, longer: string): boolean {
  const all = lines(longer);
  let at = 0;
  for (const line of lines(text)) {
    while (at < all.length && all[at] !== line && all[at]?.replace(/\r?\n$/, "") !== line) at++;
    if (at++ >= all.length) return false;
  }
  return true;
}

describe("packages that are installed", () => {
  const install = fc.record({
    text: file,
    packages: wanted,
    stage: fc.nat({ max: 2 }),
    at: fc.option(fc.nat({ max: 8 }), { nil: undefined }),
  });

  test("leave every other line as it is, the stages too, and twice is once", () => {
    fc.assert(
      fc.property(install, ({ text, packages, stage, at }) => {
        const placed = (now: string): string => {
          const instructions = parseDockerfile(now).stages[stage]?.instructions.filter(
            (one) => one.keyword === "RUN" && one.text.includes("pip install"),
          );
          const before = at === undefined ? undefined : instructions?.[at % Math.max(1, instructions.length)]?.fromLine;
          return installPackages(now, { stage, packages, distribution: "debian", ...(before !== undefined && { before }) });
        };
        const once = placed(text);
        expect(isPutBetween(text, once)).toBe(true);
        expect(shape(parseDockerfile(once))).toEqual(shape(parseDockerfile(text)));
        expect(placed(once)).toBe(once);
        if (text.includes("\r\n")) expect(once).not.toMatch(/[^\r]\n/);
      }),
      { numRuns: 500 },
    );
  });

  test("are as they would be written by hand, in front of the first COPY", () => {
    const text = "FROM debian:bookworm-slim\n# the program\nCOPY . .\nRUN make\n";
    expect(installPackages(text, { stage: 0, before: 4, packages: ["make", "gcc"], distribution: "debian" })).toBe(
      "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y --no-install-recommends make gcc && rm -rf /var/lib/apt/lists/*\n# the program\nCOPY . .\nRUN make\n",
    );
    expect(installPackages(text, { stage: 0, packages: ["make"], distribution: "alpine" })).toBe(
      "FROM debian:bookworm-slim\nRUN apk add --no-cache make\n# the program\nCOPY . .\nRUN make\n",
    );
    expect(installPackages(text, { stage: 0, packages: ["make"], distribution: "unknown" })).toBe(text);
  });

  test("come in front of what needs them where that is earlier, and behind what sets apt up", () => {
    const early = "FROM debian:bookworm-slim\nRUN make\nCOPY . .\n";
    expect(lines(installPackages(early, { stage: 0, before: 2, packages: ["make"], distribution: "debian" }))[1]).toContain(
      "apt-get install",
    );
    const set = "FROM debian:bookworm-slim\nCOPY sources.list /etc/apt/sources.list\nENV http_proxy=http://proxy:1\nCOPY . .\nRUN make\n";
    expect(lines(installPackages(set, { stage: 0, before: 5, packages: ["make"], distribution: "debian" }))[3]).toContain(
      "apt-get install",
    );
  });

  test("are installed as root, and whoever came before is back after", () => {
    const text = "FROM debian:bookworm-slim\nUSER app:app\nCOPY . .\n";
    const made = lines(installPackages(text, { stage: 0, packages: ["git"], distribution: "debian" }));
    expect(made.slice(2, 5).map((line) => line.trim().slice(0, 12))).toEqual(["USER root", "RUN apt-get ", "USER app:app"]);
  });

  test("are not installed again, unless they were removed", () => {
    const there = "FROM alpine\nRUN apk add --no-cache gcc musl-dev~=1.2\nCOPY . .\n";
    expect(installPackages(there, { stage: 0, packages: ["gcc", "musl-dev"], distribution: "alpine" })).toBe(there);
    const gone = "FROM alpine\nRUN apk add --virtual .deps gcc && make && apk del .deps\nCOPY . .\n";
    expect(installPackages(gone, { stage: 0, packages: ["gcc"], distribution: "alpine" })).toContain("\nRUN apk add --no-cache gcc\nCOPY");
  });
});

describe("a line that is put in", () => {
  test("leaves every other byte as it is, wherever it goes", () => {
    fc.assert(
      fc.property(file, fc.nat({ max: 40 }), (text, at) => {
        const line = 1 + (at % (lines(text).length + 1));
        const made = insertBefore(text, line, ["LABEL x=1"]);
        expect(isPutBetween(text, made)).toBe(true);
        expect(made.replace(/(?:^LABEL x=1\r?\n|\r?\nLABEL x=1(?=\r?\n|$))/, "")).toBe(text);
        expect(insertAfter(text, line - 1, ["LABEL x=1"])).toBe(made);
      }),
    );
  });
});

describe("an edit within an instruction", () => {
  const text = "FROM a\nCOPY --chown=1 x /x\nRUN apt-get update && \\\n  # apt-get install is next\n  apt-get install -y x\nCOPY x /y\n";
  const [copy, run, last] = (parseDockerfile(text).stages[0]?.instructions ?? []) as unknown as readonly [
    Instruction,
    Instruction,
    Instruction,
  ];

  test("changes the first place that is no comment, in that instruction only", () => {
    expect(replaceIn(text, run, ["apt-get install", "apt install"])).toBe(text.replace("  apt-get install", "  apt install"));
    expect(replaceIn(text, last, ["/x", "/z"])).toBe(text);
  });

  test("sets a flag, anew or in place of what it was", () => {
    expect(addFlag(text, copy, "--chmod=755")).toBe(text.replace("COPY --chown=1 x", "COPY --chmod=755 --chown=1 x"));
    expect(addFlag(text, copy, "--chown=app:app")).toBe(text.replace("--chown=1", "--chown=app:app"));
    expect(addFlag(text, last, "--chmod=755")).toBe(text.replace("COPY x /y", "COPY --chmod=755 x /y"));
  });

  test("adds words once", () => {
    const how = { words: "apt-get -q update &&", before: /apt-get install/ };
    const once = addWords(text, run, how);
    expect(once).toBe(text.replace("  apt-get install", "  apt-get -q update && apt-get install"));
    const again = parseDockerfile(once).stages[0]?.instructions[1] as Instruction;
    expect(addWords(once, again, how)).toBe(once);
  });
});
