import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";

const ORCO = resolve(import.meta.dirname, "../../bin/orco");

async function conformance(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn([ORCO, "conformance", ...args], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, out, err };
}

describe("orco conformance", () => {
  test.each([
    [["stack"], 'there is no suite "stack"'],
    [["deploy"], "say what to test"],
    [["deploy", "--url", "http://127.0.0.1:1"], "--url needs --proxy too"],
    [["deploy", "--start", "true", "--only", "99"], "there is no scenario 99"],
    [["deploy", "--start", "true", "--skip", "3:no"], "scenario 3 is one of the document's own"],
    [["deploy", "--start", "true", "--skip", "19"], "--skip takes"],
    [["deploy", "--start", "true", "--header", "nonsense"], "--header takes"],
    [["deploy", "--start", "true", "--contract", "[]"], "--contract takes a JSON object"],
    [["deploy", "--start", "true", "--repo", "/tmp"], "--repo goes with --url"],
    [
      ["deploy", "--start", "echo out of order; exit 4", "--only", "1"],
      "ended with 4 before GET /status was answered; it printed:\n      out of order",
    ],
    [["deploy", "--start", "run {rpeo}", "--only", "1"], "{rpeo} is not known"],
  ])("%j is refused", async (args, said) => {
    const { code, out, err } = await conformance(...args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(said);
  });

  test("an orchestrator that does nothing fails, and the report says what was expected", async () => {
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => Response.json({ live_commit: null, success: true }) });
    const target = ["--url", server.url.href, "--proxy", "http://127.0.0.1:1", "--setup", "true"];
    const { code, out } = await conformance("deploy", ...target, "--only", "1,5,19", "--json");
    await server.stop(true);
    expect(code).toBe(1);
    const { implementation, scenarios } = JSON.parse(out) as { implementation: string; scenarios: Record<string, unknown>[] };
    expect(implementation).toBe(server.url.href);
    expect(scenarios.map(({ id, result }) => [id, result])).toEqual([
      [1, "failed"],
      [5, "failed"],
      [19, "skipped"],
    ]);
    expect(scenarios[1]?.["detail"]).toContain("expected a rollback before the first deploy to be an error; saw POST /rollback {} → 200");
  });
});
