import { expect, test } from "bun:test";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { assertSafeBind } from "../src/http/bind.ts";
import { loadConfig } from "../src/kernel/config.ts";
import { VERSION } from "../src/kernel/version.ts";

/** No image is built here, that needs a registry: what the files say is held against the program instead. */
const ROOT = join(import.meta.dirname, "..");
const dockerfile = readFileSync(join(ROOT, "Dockerfile"), "utf8");

interface Service {
  readonly environment?: Record<string, string>;
  readonly ports?: readonly string[];
  readonly command?: readonly string[];
  readonly depends_on?: Record<string, unknown>;
}
const { services } = parse(readFileSync(join(ROOT, "docker-compose.yml"), "utf8")) as { services: Record<string, Service> };

/** `${NAME:-default}` with nothing set. */
function unset(environment: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, value.replace(/\$\{\w+:-(.*?)\}/, "$1")]));
}

function ofImage(): Record<string, string> {
  const words = /^ENV (.*)$/m.exec(dockerfile)?.[1]?.split(" ") ?? [];
  return Object.fromEntries(words.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]));
}

/** What the first stage leaves out is not copied. */
function copied(): string[] {
  const lines = dockerfile.match(/^COPY (?!--from).*$/gm) ?? [];
  return [...new Set(lines.flatMap((line) => line.split(" ").slice(1, -1)))];
}

test("compose starts a daemon that can be started, with Redis, on 7070 of this machine alone", () => {
  const { config } = loadConfig({ env: { ...ofImage(), ...unset(services["orco"]?.environment) } });
  expect(config).toMatchObject({
    bind: { host: "0.0.0.0", port: 7070 },
    redisUrl: "redis://redis:6379",
    publicUrl: "http://orco:7070",
    allowAnonymous: true,
  });
  expect(config.apiKey).toBeUndefined();
  assertSafeBind({ bind: config.bind, allowAnonymous: config.allowAnonymous });
  expect(services["orco"]?.ports).toEqual(["127.0.0.1:7070:7070"]);
  expect(Object.keys(services["orco"]?.depends_on ?? {})).toEqual(["redis"]);
});

test("the image without a key and without the word that none is needed refuses to open itself", () => {
  const { config } = loadConfig({ env: ofImage() });
  expect(() => assertSafeBind({ bind: config.bind, allowAnonymous: config.allowAnonymous })).toThrow();
});

test("what the image holds is enough to run", () => {
  const folder = mkdtempSync(join(tmpdir(), "orco-image-"));
  try {
    for (const path of copied()) {
      expect(existsSync(join(ROOT, path))).toBe(true);
      cpSync(join(ROOT, path), join(folder, path), { recursive: true, filter: (source) => !/\.(test|suite|fake)\.ts$/.test(source) });
    }
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const env = { PATH: process.env["PATH"] ?? "", HOME: folder };
    const orco = (...args: string[]) => Bun.spawnSync([join(folder, "bin", "orco"), ...args], { env, cwd: folder });
    expect(orco("--version").stdout.toString().trim()).toBe(`orco ${VERSION}`);
    const [command = "", ...rest] = services["worker"]?.command ?? [];
    // Its flags are known: it gets as far as the key, whose file is not there.
    const worker = orco(command, ...rest, "--key-file", "/nowhere");
    expect(worker.stderr.toString()).toContain("/nowhere: no such file");
    expect(worker.exitCode).toBe(2);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
