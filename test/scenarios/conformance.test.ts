import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SCENARIOS } from "../../conformance/deploy/scenarios.ts";
import { ORCO } from "./rig.ts";

/** The suite that any deploy orchestrator can be tried with, from the command line, on orco itself. */

const folder = mkdtempSync(join(tmpdir(), "orco-conformance-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("orco passes every scenario of its own conformance suite", async () => {
  const report = join(folder, "report.json");
  const start = `'${ORCO}' --home {home} serve --bind 127.0.0.1:{api_port}`;
  const stop = `'${ORCO}' --home {home} shutdown`;
  const options = ["--start", start, "--stop", stop, "--contract", '{"stop_timeout_ms":500,"health_timeout_ms":3000}', "--json", report];
  const child = Bun.spawn([ORCO, "conformance", "deploy", ...options], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  expect({ code, failed: code === 0 ? "" : out + err }).toEqual({ code: 0, failed: "" });
  const { scenarios } = JSON.parse(readFileSync(report, "utf8")) as { scenarios: { id: number; result: string }[] };
  expect(scenarios.map(({ id, result }) => `${id} ${result}`)).toEqual(SCENARIOS.map(({ id }) => `${id} ok`));
}, 600_000);
