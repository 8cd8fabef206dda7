import { describe, expect, test } from "bun:test";
import type { Diagnosis, Verdict } from "../finding.ts";
import { diagnose } from "./catalogue.ts";
import { SYSTEM_ENTRIES } from "./system-entries.ts";
import { dockerfileOf, evidenceOf, fixturesOf, snapshotOf } from "./system-fixture.fake.ts";

const IDS = [4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 19, 24];
const fixtures = fixturesOf(IDS);
const SLIM = "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n";

/** The log of a build that ended at an instruction. */
function built(instruction: string, ...lines: readonly string[]): string {
  return [`Step 4/4 : ${instruction}`, ...lines, `The command '/bin/sh -c ${instruction.slice(4)}' returned a non-zero code: 1`, ""].join(
    "\n",
  );
}

describe("the log of", () => {
  test("every entry is among the fixtures", () => {
    const seen = new Set(fixtures.map(({ entry }) => entry));
    expect([...seen].toSorted((a, b) => a - b)).toEqual(IDS);
  });

  for (const fixture of fixtures) {
    const { name, log, source, files, expect: expected } = fixture;
    test(`${name} says what is wrong and what mends it`, () => {
      const [found] = diagnose(evidenceOf(log, source), snapshotOf(files));
      expect({ signature: found?.finding.signature, verdict: found?.finding.verdict, dockerfile: dockerfileOf(found) }).toEqual({
        signature: expected.signature,
        verdict: expected.verdict as Verdict,
        dockerfile: expected.dockerfile,
      });
      expect(found?.finding.evidence[0]).toMatch(new RegExp(`^${source}:\\d+: \\S|^${source}:\\d+:  `));
    });

    if (expected.dockerfile === undefined) continue;
    test(`${name} is not mended twice`, () => {
      const again = diagnose(evidenceOf(log, source), snapshotOf({ ...files, Dockerfile: expected.dockerfile ?? "" }));
      const same = again.find(({ finding }) => finding.signature === expected.signature);
      expect(dockerfileOf(same)).toBeUndefined();
    });
  }
});

describe("nothing is found", () => {
  test("in a build that went well, whatever its packages are called", () => {
    const log = [
      "Step 1/2 : FROM debian:bookworm-slim",
      "Step 2/2 : RUN apt-get update && apt-get install -y gcc libgl1 tzdata locales",
      "Get:1 http://deb.debian.org/debian bookworm InRelease [151 kB]",
      "Setting up libpq-dev (15.8) ...",
      "perl: warning: Setting locale failed.",
      "debconf: delaying package configuration, since apt-utils is not installed",
      "checking for ffi.h... no",
      "conftest.c:9:10: fatal error: foo/bar.h: No such file or directory",
      "Successfully built 0123456789ab",
    ].join("\n");
    expect(own(log, SLIM)).toEqual([]);
  });

  test("of a header that no table knows, or that is the service's own", () => {
    const log = built("RUN pip install -r requirements.txt", "src/main.c:1:10: fatal error: frobnicate.h: No such file or directory");
    expect(own(log, SLIM)).toEqual([]);
    const yaml = built("RUN pip install -r requirements.txt", "src/main.c:1:10: fatal error: yaml.h: No such file or directory");
    const { texts } = evidenceOf(yaml);
    const snapshot = snapshotOf({ Dockerfile: SLIM, "src/yaml.h": "" });
    expect(SYSTEM_ENTRIES.flatMap((entry) => entry.match({ texts }, snapshot) ?? [])).toEqual([]);
  });

  test("in what the builder repeats of the Dockerfile", () => {
    const run = "RUN apt-get update && apt-get install -y libpq-dev && echo 'try apt-get install libffi-dev' && false";
    const log = built(run, '#9 ERROR: process "/bin/sh -c try apt-get install libffi-dev" did not complete successfully: exit code: 1');
    expect(own(log, `FROM debian:bookworm-slim\n${run}\n`)).toEqual([]);
  });

  test("in empty evidence, without a Dockerfile, in one that is none", () => {
    for (const entry of SYSTEM_ENTRIES) {
      expect(entry.match({ texts: [] }, snapshotOf({}))).toBeUndefined();
      for (const { log, source } of fixtures) {
        const without = entry.match(evidenceOf(log, source), snapshotOf({}));
        expect(without?.remedy).toBeUndefined();
        const garbage = entry.match(evidenceOf(log, source), snapshotOf({ Dockerfile: "\u0000 garbage (\nFROM\nRUN" }));
        expect(garbage?.remedy).toBeUndefined();
      }
    }
  });
});

describe("a remedy", () => {
  test("is only there where the verdict says so", () => {
    for (const { log, source, files } of fixtures) {
      for (const { finding, remedy } of diagnose(evidenceOf(log, source), snapshotOf(files))) {
        expect(remedy === undefined).toBe(finding.verdict === "report" || finding.verdict === "retry");
        expect(finding.confidence).toBeGreaterThan(0);
      }
    }
  });

  test("is none where the package is there already", () => {
    const dockerfile = `FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y libgl1 libglib2.0-0\nCOPY . .\n`;
    const [found] = own("ImportError: libGL.so.1: cannot open shared object file: No such file or directory", dockerfile, "container");
    expect(found?.finding.verdict).toBe("report");
    expect(found?.finding.remedy).toContain("installed already");
  });

  test("is there where two streams of one program are mixed", () => {
    const run = "RUN apt-get update && apt-get install -y frob";
    const log = built(
      run,
      "EPackage frob is a virtual package provided by:",
      "  frob-ng 1.2",
      "",
      ": Package 'frob' has no installation candidate",
    );
    expect(dockerfileOf(own(log, `FROM debian:bookworm-slim\n${run}\n`)[0])).toContain("install -y frob-ng\n");
    const unknown = built(run.replace("frob", "libffi-devel"), "EReading package lists...", ": Unable to locate package libffi-devel");
    const dockerfile = `FROM debian:bookworm-slim\n${run.replace("frob", "libffi-devel")}\n`;
    expect(dockerfileOf(own(unknown, dockerfile)[0])).toContain("install -y libffi-dev\n");
  });

  test("is none where there is no package manager", () => {
    const [found] = own(
      "/app: error while loading shared libraries: libpq.so.5: cannot open shared object file: x",
      "FROM scratch\nCOPY app /\n",
      "container",
    );
    expect(found?.finding.verdict).toBe("report");
  });
});

describe("apt-get update", () => {
  const cases: readonly (readonly [what: string, run: string, becomes: string])[] = [
    ["comes in front", "RUN apt-get install -y curl", "RUN apt-get update && apt-get install -y curl"],
    [
      "stays in front of what is set for it",
      "RUN DEBIAN_FRONTEND=noninteractive apt-get -qq install curl",
      "RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -qq install curl",
    ],
    ["is as much root as what follows", "RUN sudo apt install -y curl", "RUN sudo apt-get update && sudo apt install -y curl"],
    ["comes in the middle", "RUN mkdir /x && apt-get install -y curl", "RUN mkdir /x && apt-get update && apt-get install -y curl"],
    [
      "has a RUN of its own without a shell",
      'RUN ["apt-get", "install", "-y", "curl"]',
      'RUN apt-get update\nRUN ["apt-get", "install", "-y", "curl"]',
    ],
  ];
  for (const [what, run, becomes] of cases) {
    test(what, () => {
      const [found] = own(built(run, "E: Unable to locate package curl"), `FROM debian:bookworm-slim\n${run}\n`);
      expect(dockerfileOf(found)).toBe(`FROM debian:bookworm-slim\n${becomes}\n`);
    });
  }

  test("is missed where an earlier layer threw the lists away, and not where it kept them", () => {
    const thrown = "FROM debian:bookworm-slim\nRUN apt-get update && rm -rf /var/lib/apt/lists/*\nRUN apt-get install -y libffi-devel\n";
    const log = built("RUN apt-get install -y libffi-devel", "E: Unable to locate package libffi-devel");
    expect(dockerfileOf(own(log, thrown)[0])).toContain("RUN apt-get update && apt-get install -y libffi-devel");
    const kept = "FROM debian:bookworm-slim\nRUN apt-get update\nRUN apt-get install -y libffi-devel\n";
    expect(dockerfileOf(own(log, kept)[0])).toBe(kept.replace("libffi-devel", "libffi-dev"));
  });
});

function own(log: string, dockerfile: string, source: "build" | "container" = "build"): Diagnosis[] {
  return SYSTEM_ENTRIES.flatMap((entry) => entry.match(evidenceOf(log, source), snapshotOf({ Dockerfile: dockerfile })) ?? []);
}
