import { expect, test } from "bun:test";
import { join } from "node:path";

const ORCO = join(import.meta.dir, "../../bin/orco");
const ENV = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent" };

test("says where it listens, serves with what it was given, and ends politely", async () => {
  const argv = ["mock-engine", "--slots", "3", "--model", "a,b", "--api-key-env", "MOCK_KEY", "--fault", "status=503,first=1"];
  const child = Bun.spawn([ORCO, ...argv], { env: { ...ENV, MOCK_KEY: "k" }, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const url = await readyUrl(child.stdout);
  const ask = async (key: string): Promise<number> => {
    const answer = await fetch(`${url}/v1/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: "b", prompt: "x" }),
    });
    await answer.text();
    return answer.status;
  };
  expect([await ask("wrong"), await ask("k"), await ask("k")]).toEqual([401, 503, 200]);
  const props = await fetch(`${url}/props`, { headers: { authorization: "Bearer k" } });
  expect(await props.json()).toMatchObject({ total_slots: 3, model_alias: "a" });

  const taken = await run("--port", new URL(url).port);
  expect(taken.code).toBe(1);
  expect(taken.err).toBe(`orco: port ${new URL(url).port} of 127.0.0.1 is taken; choose another with --port\n`);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
});

test.each([
  [["--slots", "0"], "--slots takes a whole number from 1 to 4096"],
  [["--tokens-per-s", "fast"], "--tokens-per-s takes a whole number"],
  [["--fault", "cat"], "--fault: the mock engine knows no fault"],
  [["--model", ","], "--model takes ids"],
  [["--api-key-env", "NOT_SET"], '--api-key-env names "NOT_SET", which is not set'],
])("%j is refused", async (args, says) => {
  const { code, err } = await run(...args);
  expect(code).toBe(2);
  expect(err).toContain(says);
});

async function run(...args: string[]): Promise<{ code: number; err: string }> {
  const child = Bun.spawn([ORCO, "mock-engine", ...args], { env: ENV, stdin: "ignore", stdout: "ignore", stderr: "pipe", timeout: 10_000 });
  const [err, code] = await Promise.all([child.stderr.text(), child.exited]);
  return { code, err };
}

async function readyUrl(stdout: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of stdout) {
    text += decoder.decode(piece, { stream: true });
    const url = /^READY (\S+)\n/.exec(text)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(`no READY line: ${text}`);
}
