import { expect, test } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import { checkedPool, sourcePool } from "./api-pool.ts";

const clock = new FakeClock();

function poolAt(url: string) {
  return { id: "p", engine: "openai", replicas: [{ id: "a", url }] };
}

test("a name that resolves to where clouds hand out credentials is refused; one with another address too, or none, is not", async () => {
  const names: Readonly<Record<string, string[]>> = {
    rebinding: ["169.254.169.254"],
    mapped: ["::ffff:169.254.169.254"],
    v6: ["fe80::1%eth0"],
    both: ["169.254.169.254", "10.0.0.7"],
    "gpu-1": ["192.168.1.5"],
  };
  const lookup = async (host: string): Promise<string[]> => {
    const found = names[host];
    if (!found) throw new Error("ENOTFOUND");
    return found;
  };
  const check = (host: string) => checkedPool(poolAt(`http://${host}:8000/v1`), { env: {}, clock, lookup });
  for (const host of ["rebinding", "mapped", "v6"])
    expect(await check(host).catch((error: unknown) => error)).toMatchObject({
      code: "INVALID_PARAMS",
      facts: { retriable: false, errors: [{ pointer: "/replicas/0/url", detail: expect.stringContaining("link-local") }] },
    });
  for (const host of ["both", "gpu-1", "not-there-yet"]) expect(await check(host)).toEqual(poolAt(`http://${host}:8000`));
});

test("a resolver that hangs is waited for a second", async () => {
  const own = new FakeClock();
  const checked = checkedPool(poolAt("http://slow"), { env: {}, clock: own, lookup: () => new Promise(() => undefined) });
  await own.advance(1000);
  expect(await checked).toEqual(poolAt("http://slow"));
  expect(own.pendingTimers).toBe(0);
});

test("/v1 and slashes at the end of a URL are cut; what stands before them stays", async () => {
  const urls = ["http://10.0.0.1:8000/", "http://10.0.0.1:8000/v1", "http://10.0.0.1:8000/v1///", "https://10.0.0.1/openai/v1/"];
  const checked = await Promise.all(urls.map((url) => checkedPool(poolAt(url), { env: {}, clock })));
  expect(checked.map(({ replicas }) => replicas[0]?.url)).toEqual([
    "http://10.0.0.1:8000",
    "http://10.0.0.1:8000",
    "http://10.0.0.1:8000",
    "https://10.0.0.1/openai",
  ]);
});

test("a key of the daemon's own, or of its cloud, is not sent to an engine that a client of the API names", async () => {
  const names = [
    "ORCHESTRATOR_API_KEY",
    "orco_api_key",
    "LLORCH_API_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "GITHUB_TOKEN",
    "DB_PASSWORD",
    "ORCO_REPAIR_PLANNER_KEY",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "PATH",
  ];
  const env = {
    ENGINE_KEY: "sk-1",
    HF_TOKEN: "hf-1",
    AZURE_OPENAI_API_KEY: "az-1",
    ...Object.fromEntries(names.map((name) => [name, "canary"])),
  };
  const keyed = (name: string) => ({ id: "p", engine: "openai", replicas: [{ id: "a", url: "http://10.0.0.1:8000", api_key_env: name }] });
  for (const name of names) {
    const refused = await checkedPool(keyed(name), { env, clock }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "INVALID_PARAMS", facts: { errors: [{ pointer: "/replicas/0/api_key_env" }] } });
    // Also one that a former daemon took.
    const [replica] = sourcePool(keyed(name), env).replicas;
    expect(replica).toMatchObject({ ready: false, lastError: expect.stringContaining("no engine's key") });
    expect(JSON.stringify([replica, String(refused)])).not.toContain("canary");
  }
  for (const name of ["ENGINE_KEY", "HF_TOKEN", "AZURE_OPENAI_API_KEY"] as const)
    expect(sourcePool(await checkedPool(keyed(name), { env, clock }), env).replicas[0]?.endpoint.apiKey).toBe(env[name]);
});
