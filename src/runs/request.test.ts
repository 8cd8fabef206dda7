import { describe, expect, test } from "bun:test";
import { refused } from "../kernel/journal-fixture.ts";
import { parsePlan } from "./plan-schema.ts";
import { newRun, RunRequestBody } from "./request.ts";

const checks = { parsePlan, webhookUrl: (url: string) => new URL(url).href, isSet: (name: string) => name === "S" };
const plan = { steps: [{ id: "a", command: ["true"] }] };

function made(body: unknown, mode: "local" | "redis" | "k8s" = "local") {
  return newRun(RunRequestBody.parse(body), { run: "r1", mode }, checks);
}

describe("the body of a new run", () => {
  test("without a plan, or with external, is for a worker; with a plan it is executed", () => {
    expect(made({})).toEqual({ kind: "external", mode: "local", name: "run", metadata: {}, input: {}, lane: "run/r1", priority: 0 });
    expect(made({ plan, external: true })).toMatchObject({ kind: "external", plan: { steps: [{ id: "a" }] } });
    expect(made({ plan }, "redis")).toMatchObject({ kind: "plan", mode: "redis" });
  });

  test("has its lane from its key, and a webhook as a text or with the name of a secret", () => {
    expect(made({ concurrency_key: "k", concurrency: { limit: 3 }, timeout_ms: 5, priority: -100 })).toMatchObject({
      lane: "key/k",
      concurrency: { key: "k", limit: 3, policy: "queue" },
      timeoutMs: 5,
      priority: -100,
    });
    expect(made({ webhook: "http://h" }).webhook).toEqual({ url: "http://h/" });
    expect(made({ webhook: { url: "http://h", secret_env: "S" } }).webhook).toEqual({ url: "http://h/", secretEnv: "S" });
  });

  test("says what is wrong, and where", async () => {
    const pointer = async (body: unknown, mode?: "redis") => (await refused(() => made(body, mode))).facts["errors"];
    expect(await pointer({}, "redis")).toMatchObject([{ pointer: "/plan" }]);
    expect(await pointer({ plan, external: true }, "redis")).toMatchObject([{ pointer: "/external" }]);
    expect(await pointer({ concurrency: { limit: 2 } })).toMatchObject([{ pointer: "/concurrency_key" }]);
    expect(await pointer({ webhook: { url: "http://h", secret_env: "T" } })).toMatchObject([{ pointer: "/webhook/secret_env" }]);
    const large = await refused(() => made({ input: { x: "y".repeat(256 * 1024) } }));
    expect(large).toMatchObject({ code: "too_large", facts: { errors: [{ pointer: "/input" }] } });
    expect(made({ metadata: { x: "y".repeat(255 * 1024) } }).metadata).toBeDefined();
    for (const body of [
      { priority: 101 },
      { priority: 0.5 },
      { name: "" },
      { nonsense: 1 },
      { concurrency_key: "k", concurrency: { limit: 0 } },
      { timeout_ms: 0 },
    ])
      expect(RunRequestBody.safeParse(body).success).toBe(false);
  });
});
