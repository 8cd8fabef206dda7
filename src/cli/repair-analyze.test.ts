import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Ran, runMain } from "./daemon.fake.ts";

const DOCKERFILE = 'FROM python:3.11-slim\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCMD ["gunicorn", "app:app"]\n';
const LOG = '\u001b[31mapi-1  | exec: "gunicorn": executable file not found in $PATH: unknown\u001b[0m\n';

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "orco-analyze-"));
  mkdirSync(join(folder, "api"));
  writeFileSync(join(folder, "api/Dockerfile"), DOCKERFILE);
  writeFileSync(join(folder, "api/requirements.txt"), "flask\n");
  writeFileSync(join(folder, "run.log"), LOG);
  writeFileSync(join(folder, "quiet.log"), "all is well\n");
  symlinkSync(join(folder, "api"), join(folder, "link"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const analyze = (...args: string[]): Promise<Ran> =>
  runMain(["repair", "analyze", ...args], { cwd: folder, env: { ORCO_HOME: join(folder, "none"), DOCKER_HOST: "unix:///nowhere" } });

test("a log is explained, with the patch, and nothing is written", async () => {
  const { code, out } = await analyze("--log", "run.log", "--dir", "api");
  expect(code).toBe(0);
  expect(out).toStartWith("the image has no command gunicorn\n  entry 20, command-missing:gunicorn, fix, confidence 95 %\n");
  expect(out).toContain('    given:1: exec: "gunicorn": executable file not found');
  expect(out).toContain("--- a/requirements.txt\n+++ b/requirements.txt\n@@ -1 +1,2 @@\n flask\n+gunicorn\n");
  expect(out).not.toContain("\u001b");
  expect(readFileSync(join(folder, "api/requirements.txt"), "utf8")).toBe("flask\n");
});

test("--json is the findings and the diff; the folder may be told by the Dockerfile, or be a link", async () => {
  for (const place of [
    ["--dockerfile", "api/Dockerfile"],
    ["--dir", "link"],
  ]) {
    const { code, out } = await analyze("--log", "run.log", ...place, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      findings: [{ entry: 20, verdict: "fix", confidence: 0.95 }],
      diff: expect.stringContaining("+gunicorn\n"),
    });
  }
});

test("what the catalogue does not know exits 1", async () => {
  expect(await analyze("--log", "quiet.log", "--dir", "api")).toMatchObject({ code: 1, out: "" });
});

test("what cannot be read is told in a line", async () => {
  for (const [args, why] of [
    [[], "repair analyze needs a log"],
    [["--log", "none.log"], "--log none.log: "],
    [["--log", "api"], "--log api: "],
    [["--log", "run.log", "--dir", "none"], "is no folder that can be read"],
    [["--log", "run.log", "--dockerfile", "none"], "is not there, or cannot be read"],
    [["--log", "run.log", "--dir", "api", "--dockerfile", "run.log"], "lies outside of"],
  ] as const) {
    const { code, out, err } = await analyze(...args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(why);
    expect(err.trim().split("\n").length).toBeLessThan(3);
  }
});
