import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { OpenAiRig } from "./openai-rig.ts";

/** Python with the package `openai`, as CI makes it. */
const PYTHON = join(
  process.env["ORCO_LLM_HOME"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "orco-llm"),
  "bin/python",
);
const CLIENT = join(import.meta.dir, "../programs/openai-client.py");
const TIMEOUT_MS = 40_000;

/** In CI its absence is a failure. */
function hasSdk(): boolean {
  if (process.env["CI"] === "true") return true;
  if (existsSync(PYTHON) && Bun.spawnSync([PYTHON, "-c", "import openai"], { stderr: "ignore" }).success) return true;
  console.log(`skipped: ${PYTHON} has no package openai; python3 -m venv and pip install openai make one`);
  return false;
}

test.skipIf(!hasSdk())(
  "the Python SDK, unmodified: models, chat, stream, usage, tools, embeddings, errors, an engine that dies",
  async () => {
    await using orco = await OpenAiRig.start();
    const child = Bun.spawn([PYTHON, CLIENT, orco.url], { stdout: "pipe", stderr: "pipe", timeout: TIMEOUT_MS, killSignal: "SIGKILL" });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect(err).toBe("");
    expect(JSON.parse(out)).toEqual({
      models: ["chain"],
      whole: [" the quick brown", "length", 3],
      stream: [" the quick brown", "length", 3],
      tool: ["sum", "tool_calls"],
      embedding: 2,
      completion: " the quick",
      unknown: [404, "model_not_found", "model"],
      broken: [" the quick", "WORKER_RESET"],
    });
  },
  TIMEOUT_MS,
);
