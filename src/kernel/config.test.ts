import { describe, expect, test } from "bun:test";
import { configSchema, describeConfig, loadConfig, RESERVED } from "./config.ts";
import type { ConfigFlags } from "./config-setting.ts";
import { OrcoError } from "./errors.ts";

const KEY = "0123456789abcdef";
const HOME = { ORCO_HOME: "/srv/orco" };

function refusal(env: Record<string, string>, flags: ConfigFlags = {}): OrcoError {
  try {
    loadConfig({ env: { ...HOME, ...env }, flags });
  } catch (error) {
    if (error instanceof OrcoError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("defaults", () => {
  const { config, origins, unused } = loadConfig({ env: { HOME: "/root" } });
  expect(config).toMatchObject({
    bind: { host: "127.0.0.1", port: 7070 },
    allowAnonymous: false,
    corsOrigins: [],
    rateLimitWindowMs: 60_000,
    rateLimitMax: 1200,
    logLevel: "info",
  });
  expect(config.apiKey).toBeUndefined();
  expect(config.home).toStartWith("/");
  expect(new Set(Object.values(origins))).toEqual(new Set(["default"]));
  expect(Object.keys(origins)).toEqual(configSchema.keyof().options);
  expect(unused).toEqual([]);
});

describe("values", () => {
  test("the environment counts, flags override it, and the origin is kept", () => {
    const env = { ...HOME, ORCHD_BIND_ADDR: "0.0.0.0:80", ORCO_ALLOW_ANONYMOUS: "0", RATE_LIMIT_MAX: "0", ORCO_LOG_LEVEL: "WARN" };
    const { config, origins } = loadConfig({ env, flags: { bind: "[::1]:0", allowAnonymous: true } });
    expect(config).toMatchObject({
      home: "/srv/orco",
      bind: { host: "::1", port: 0 },
      allowAnonymous: true,
      rateLimitMax: 0,
      logLevel: "warn",
    });
    expect(origins).toMatchObject({
      home: "env ORCO_HOME",
      bind: "flag --bind",
      allowAnonymous: "flag --allow-anonymous",
      logLevel: "env ORCO_LOG_LEVEL",
    });
    expect(loadConfig({ env, flags: { home: "/srv/other" } })).toMatchObject({
      config: { home: "/srv/other" },
      origins: { home: "flag --home" },
    });
  });

  test("the API key has aliases in order, is trimmed, and a blank one is none", () => {
    expect(loadConfig({ env: { ...HOME, LLORCH_API_TOKEN: `  ${KEY}\n` } }).config.apiKey).toBe(KEY);
    const both = loadConfig({ env: { ...HOME, ORCHESTRATOR_API_KEY: " ", ORCO_API_KEY: KEY, LLORCH_API_TOKEN: `${KEY}2` } });
    expect([both.config.apiKey, both.origins.apiKey]).toEqual([KEY, "env ORCO_API_KEY"]);
    expect(loadConfig({ env: { ...HOME, ORCHESTRATOR_API_KEY: "" } }).config.apiKey).toBeUndefined();
  });

  test("origins are a list", () => {
    const { config } = loadConfig({ env: { ...HOME, CORS_ORIGINS: "https://a.example, http://localhost:3000" } });
    expect(config.corsOrigins).toEqual(["https://a.example", "http://localhost:3000"]);
  });
});

describe("a bad value stops with one line that names it", () => {
  const bad: [name: string, value: string][] = [
    ...["7070", "localhost", "host:99999", "::1:7070", "http://a:1", "a b:1"].map((value): [string, string] => ["ORCHD_BIND_ADDR", value]),
    ...[
      "*",
      "https://a.example/",
      "a.example",
      "https://a.example/x",
      "ftp://a.example",
      "https://A.example",
      "https://*.example",
      "https://a.example,",
    ].map((value): [string, string] => ["CORS_ORIGINS", value]),
    ...["0", "-1", "1.5", "1e3", "60s", "99999999999999999999"].map((value): [string, string] => ["RATE_LIMIT_WINDOW_MS", value]),
    ...["foo", "ftp://mirror", "https://me@mirror"].map((value): [string, string] => ["HF_ENDPOINT", value]),
    ["RATE_LIMIT_MAX", "many"],
    ["ORCO_ALLOW_ANONYMOUS", "maybe"],
    ["ORCO_LOG_LEVEL", "loud"],
    ["ORCO_HOME", `/${"x".repeat(120)}`],
  ];
  test.each(bad)("%s=%s", (name, value) => {
    const error = refusal({ [name]: value });
    expect(error.code).toBe("config");
    expect(error.message).toStartWith(`${name}=${JSON.stringify(value)} is not valid: expected `);
    expect(error.message).not.toContain("\n");
    expect(error.facts["name"]).toBe(name);
  });

  test("a flag is named as a flag", () => {
    expect(refusal({}, { bind: "nowhere" }).message).toStartWith('--bind="nowhere" is not valid: expected host:port');
  });

  test("a secret is named, never shown", () => {
    const error = refusal({ ORCO_API_KEY: "tooshort" });
    expect(error.message).toBe("ORCO_API_KEY is not valid: expected at least 16 characters");
    expect(JSON.stringify([error.message, error.facts])).not.toContain("tooshort");
    for (const url of ["http://a", "redis://:hunter22@a:99999", "redis://:hunter22@a/queue"])
      expect(refusal({ REDIS_URL: url }).message).toBe(
        "REDIS_URL is not valid: expected redis://[user:password@]host:port[/db] or rediss://…",
      );
  });
});

test("config show: value, origin and names of each setting, no secret", () => {
  const shown = describeConfig(
    loadConfig({ env: { ...HOME, ORCHESTRATOR_API_KEY: KEY, ORCHD_BIND_ADDR: "[::1]:7070", STATSD_HOST: "127.0.0.1" } }),
  );
  expect(shown["settings"]).toContainEqual({
    setting: "bind",
    value: "[::1]:7070",
    origin: "env ORCHD_BIND_ADDR",
    env: ["ORCHD_BIND_ADDR"],
    flag: "--bind",
  });
  expect(shown["settings"]).toContainEqual(
    expect.objectContaining({ setting: "apiKey", value: "********", origin: "env ORCHESTRATOR_API_KEY" }),
  );
  const hf = describeConfig(loadConfig({ env: { ...HOME, HF_TOKEN: "hf_hunter22", HF_ENDPOINT: "https://mirror.example/" } }))["settings"];
  expect(hf).toContainEqual({ setting: "hfToken", value: "********", origin: "env HF_TOKEN", env: ["HF_TOKEN"] });
  expect(hf).toContainEqual({ setting: "hfEndpoint", value: "https://mirror.example", origin: "env HF_ENDPOINT", env: ["HF_ENDPOINT"] });
  expect(refusal({ HF_TOKEN: "hf_ hunter22" }).message).not.toContain("hunter22");
  expect(shown["unused"]).toEqual([]);
  expect(JSON.stringify(shown)).not.toContain(KEY);
  expect(JSON.stringify(shown)).not.toContain("redis://x");
  const urls = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://me:hunter22@otel:4318", DOCKER_HOST: "tcp://:hunter22@docker:2375" };
  const values = JSON.stringify(describeConfig(loadConfig({ env: { ...HOME, ...urls } })));
  expect(values).toContain("http://me:********@otel:4318");
  expect(values).not.toContain("hunter22");
  expect(refusal({ DOCKER_HOST: "ssh://me:hunter22@docker" }).message).toStartWith('DOCKER_HOST="ssh://me:********@docker" is not valid');
});

test("no name is both in use and reserved", () => {
  const used = JSON.stringify(describeConfig(loadConfig({ env: HOME }))["settings"]);
  for (const name of RESERVED) expect(used).not.toContain(`"${name}"`);
});
