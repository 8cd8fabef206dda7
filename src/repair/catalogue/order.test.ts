import { describe, expect, test } from "bun:test";
import { snapshotOf } from "../../../test/repair-fixture.ts";
import { collect, readLines } from "../evidence/collect.ts";
import type { ContainerState, Diagnosis } from "../finding.ts";
import { diagnose } from "./catalogue.ts";
import { inOrder } from "./order.ts";

const FILES = {
  Dockerfile: 'FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\nCMD ["python", "app.py"]\n',
  "requirements.txt": "flask\n",
};
const STOPPED: ContainerState = {
  status: "exited",
  exitCode: 1,
  oomKilled: false,
  error: "",
  restartCount: 0,
  startedAt: "2026-01-01T00:00:00Z",
  finishedAt: "2026-01-01T00:00:01Z",
};

describe("several faults in one log", () => {
  test("the last one is what it died of", () => {
    expect(of("/bin/sh: 1: jq: not found", "ModuleNotFoundError: No module named 'yaml'")).toEqual([
      "python-module-missing:yaml",
      "command-missing:jq",
    ]);
    expect(of("ModuleNotFoundError: No module named 'yaml'", "/bin/sh: 1: jq: not found")).toEqual([
      "command-missing:jq",
      "python-module-missing:yaml",
    ]);
  });

  test("what surrounds a service hides none of its own faults, wherever it stands", () => {
    expect(of("ModuleNotFoundError: No module named 'yaml'", "DATABASE_URL is not set")).toEqual([
      "python-module-missing:yaml",
      "env-missing:DATABASE_URL",
    ]);
    expect(of("ModuleNotFoundError: No module named 'yaml'", "Error: connect ECONNREFUSED 127.0.0.1:5432")[0]).toBe(
      "python-module-missing:yaml",
    );
  });

  test("another try is asked for only where nothing else is wrong", () => {
    const [first, second] = of("ModuleNotFoundError: No module named 'yaml'", "Temporary failure in name resolution");
    expect([first, second]).toEqual(["python-module-missing:yaml", "name-resolution"]);
    expect(of("API_KEY is not set", "toomanyrequests: You have reached your pull rate limit")).toEqual([
      "env-missing:API_KEY",
      "registry-away",
    ]);
  });

  test("what the network kept from being found is no fault of the names", () => {
    const away = "Retrying after connection broken: Temporary failure in name resolution";
    const none = "ERROR: No matching distribution found for flask (from versions: none)";
    expect(of(away, "ERROR: Could not find a version that satisfies the requirement flask (from versions: none)", none)).toEqual([
      "name-resolution",
    ]);
    expect(of("W: Failed to fetch x  Temporary failure resolving 'deb.debian.org'", "E: Unable to locate package curl")).toEqual([
      "name-resolution",
    ]);
  });

  test("a compiler that is missing inside pip is what pip failed of", () => {
    const found = of(
      "      error: command 'gcc' failed: No such file or directory",
      "ERROR: Failed building wheel for psutil",
      "ERROR: Could not build wheels for psutil",
    );
    expect(found[0]).toStartWith("compiler-missing");
  });
});

test("a build that fails is mended before what the container said, and docker's own word before the container's", () => {
  const found = diagnose(
    collect({
      build: readLines(["E: Unable to locate package libpq-devel", "ModuleNotFoundError: No module named 'yaml'"]),
      inspection: {
        logs: ["ModuleNotFoundError: No module named 'bs4'"],
        state: { ...STOPPED, error: 'exec: "jq": executable file not found in $PATH: unknown' },
      },
    }),
    snapshotOf({ entry: 0, recorded: "", how: "", expect: { signature: null }, files: FILES }),
  );
  expect(found.map(({ finding }) => finding.evidence[0]?.split(":")[0])).toEqual(["build", "build", "state"].slice(0, found.length));
  expect(found[0]?.finding.signature).toBe("python-module-missing:yaml");
});

test("of one line, what is mended comes first, then the surer, then the lower number", () => {
  const one = (entry: number, confidence: number, isMended: boolean): Diagnosis => ({
    finding: {
      entry,
      signature: `s${entry}`,
      cause: "",
      evidence: ["given:3: x"],
      confidence,
      verdict: isMended ? "fix" : "report",
      remedy: "",
    },
    ...(isMended && { remedy: { kind: "edits", edits: [] } }),
  });
  const found = [one(9, 0.5, true), one(4, 0.9, false), one(8, 0.7, true), one(7, 0.7, true)];
  expect(inOrder(found).map(({ finding }) => finding.entry)).toEqual([7, 8, 9, 4]);
  expect(inOrder(found.toReversed())).toEqual(inOrder(found));
});

function of(...lines: readonly string[]): string[] {
  const snapshot = snapshotOf({ entry: 0, recorded: "", how: "", expect: { signature: null }, files: FILES });
  return diagnose(collect({ given: lines }), snapshot).map(({ finding }) => finding.signature);
}
