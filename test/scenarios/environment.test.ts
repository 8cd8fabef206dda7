import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { sharedRig } from "./rig.ts";
import type { StackUnderTest } from "./stack-under-test.ts";

const CANARY = "hunter2-canary/7+x=";
const rig = sharedRig({ DAEMON_ONLY: "not-for-children", DB_PASSWORD: CANARY, GREETING: "hello", LANG: "C.UTF-8" });

/** The environment a service was started with. */
async function environOf(stack: StackUnderTest, service: string, replica = 0): Promise<Record<string, string>> {
  const lines = readFileSync(`/proc/${await stack.pid(service, replica)}/environ`, "utf8")
    .split("\0")
    .filter(Boolean);
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

test("children get what is declared and an allow-list, not the environment of the daemon or the caller", async () => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000", env: { OWN: mine } } }`);
  await stack.up();
  const env = await environOf(stack, "one");
  const allowed = ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "OWN", "PWD", "SHLVL", "_", "OLDPWD"];
  const names = Object.keys(env).filter((name) => !name.startsWith("ORCO_") && !allowed.includes(name));
  expect(names).toEqual([]);
  expect(env).toMatchObject({ OWN: "mine", ORCO_STACK: stack.name, ORCO_SERVICE: "one", ORCO_REPLICA: "0" });
  expect(env["ORCO_INSTANCE"]).toBe((await stack.service("one")).instances[0]?.id as string);
  expect(JSON.stringify(env)).not.toContain("not-for-children");
});

test("env wins over files, a later file over an earlier one; .env and the caller's variables are filled in", async () => {
  const stack = rig.stack(`
    services:
      one:
        command: "exec sleep 1000"
        envFromFile: [a.env, b.env]
        env: { C: from-env, GREETED: "\${GREETING} \${NAME:-nobody}", FROM_DOTENV: "\${DOTTED}", PLAIN: $GREETING, ALT: "\${GREETING:+set}", MONEY: "$$5" }
  `);
  stack.write("a.env", `A=1\nB=1\nC=1\n# comment\nexport Q="two words"\nRAW='$A'\n`);
  stack.write("b.env", "B=2\nC=2\n");
  stack.write(".env", "DOTTED=from-dotenv\n");
  await stack.up();
  expect(await environOf(stack, "one")).toMatchObject({
    A: "1",
    B: "2",
    C: "from-env",
    Q: "two words",
    RAW: "$A",
    GREETED: "hello nobody",
    FROM_DOTENV: "from-dotenv",
    PLAIN: "hello",
    ALT: "set",
    MONEY: "$5",
  });
});

test("a missing variable, and an env file that is missing or cannot be read, are named with their place", async () => {
  const unset = rig.stack(`services: { one: { command: "true", env: { A: "\${NOWHERE}" } } }`);
  expect(await unset.orco("up", "-d")).toMatchObject({ code: 1, err: expect.stringMatching(/stack.yaml:3:\d+: error: .*NOWHERE/) });
  const asked = rig.stack(`services: { one: { command: "true", env: { A: "\${NOWHERE:?set it to the key}" } } }`);
  expect((await asked.orco("up", "-d")).err).toContain("set it to the key");
  const missing = rig.stack(`services: { one: { command: "true", envFromFile: gone.env } }`);
  expect(await missing.orco("up", "-d")).toMatchObject({ code: 1, err: expect.stringMatching(/stack.yaml:3:\d+: error: .*gone\.env/) });
  const folder = rig.stack(`services: { one: { command: "true", envFromFile: dir.env } }`);
  folder.write("dir.env/file", "");
  expect(await folder.orco("up", "-d")).toMatchObject({ code: 1, err: expect.stringMatching(/stack.yaml:3:\d+: error: .*dir\.env/) });
});

test("a pipe or a device that is named as a file holds nobody up", async () => {
  const piped = rig.stack(`services: { one: { command: "true", envFromFile: pipe.env } }`);
  Bun.spawnSync(["mkfifo", join(piped.dir, "pipe.env")]);
  expect(await piped.orco("up", "-d")).toMatchObject({ code: 1, err: expect.stringContaining("pipe.env: it is no regular file") });
  const endless = rig.stack(`
    includes: [/dev/zero]
    services: { one: { command: "true" } }
  `);
  expect(await endless.orco("up", "-d")).toMatchObject({ code: 1, err: expect.stringContaining("/dev/zero: it is no regular file") });
  const secret = rig.stack(`services: { one: { command: "true", secrets: { KEY: { file: pipe } } } }`);
  Bun.spawnSync(["mkfifo", join(secret.dir, "pipe")]);
  expect(await secret.orco("up", "-d", "--wait")).toMatchObject({ code: 1, err: expect.stringContaining("it is no regular file") });
});

test("included files are merged, the includer wins; a circle of includes is shown", async () => {
  const stack = rig.stack(`
    includes: [base/base.yaml]
    services: { one: { env: { B: mine } } }
  `);
  stack.write(
    "base/base.yaml",
    `services:\n  one: { command: "exec sleep 1000", env: { A: base, B: base } }\n  two: { command: "exec sleep 1000" }\n`,
  );
  await stack.up();
  expect(await environOf(stack, "one")).toMatchObject({ A: "base", B: "mine" });
  expect((await stack.service("two")).ready).toBe(true);
  stack.write("base/base.yaml", "includes: [../stack.yaml]\nservices: {}\n");
  expect((await stack.orco("up", "-d")).err).toMatch(/stack\.yaml → .*base\.yaml → .*stack\.yaml/);
});

test("services of a profile run only when it is named, disabled ones never", async () => {
  const stack = rig.stack(`
    services:
      always: { command: "exec sleep 1000" }
      debug: { command: "exec sleep 1000", profiles: [dev] }
      off: { command: "exec sleep 1000", disabled: true }
  `);
  const running = async (): Promise<string[]> => (await stack.view()).services.filter(({ ready }) => ready).map(({ service }) => service);
  await stack.up();
  expect(await running()).toEqual(["always"]);
  const pid = await stack.pid("always");
  await stack.up("--profile", "dev");
  expect(await running()).toEqual(["always", "debug"]);
  expect(await stack.pid("always")).toBe(pid);
});

test("replicas get a port each, in PORT, in their command and in their probes", async () => {
  const stack = rig.stack(`
    services:
      web:
        command: [${process.execPath}, ${join(import.meta.dirname, "../programs/http-server.ts")}, --port, "\${PORT}"]
        replicas: 2
        ports: ["8080"]
        health: { http: { url: "http://localhost:8080/" } }
  `);
  await stack.up();
  const web = await stack.service("web");
  expect(web.replicas).toEqual({ ready: 2, live: 2, desired: 2 });
  const addresses = web.instances.map(({ address }) => address ?? "");
  expect(new Set(addresses).size).toBe(2);
  for (const [replica, address] of addresses.entries()) {
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect((await fetch(`http://${address}/`)).ok).toBe(true);
    expect(await environOf(stack, "web", replica)).toMatchObject({ PORT: address.split(":")[1], ORCO_REPLICA: String(replica) });
  }
});

test("limits this machine cannot enforce are told once; the service runs", async () => {
  const stack = rig.stack(`services: { one: { command: "exec sleep 1000", resources: { cpu: 500m, memory: 512M, pids: 64 } } }`);
  await stack.up();
  const warnings = (await stack.history()).filter(({ type }) => type === "instance.warning").map((event) => String(event["message"]));
  for (const warning of warnings) expect(warning).toMatch(/cpu|memory|pids/);
  const limits = readFileSync(`/proc/${await stack.pid("one")}/cgroup`, "utf8");
  expect(warnings.length > 0 || limits.includes("orco")).toBe(true);
});

test("secrets reach the service as variable or file, and nothing that orco writes or shows", async () => {
  const stack = rig.stack(`
    services:
      one:
        command: "echo env $$DB_PASSWORD; cat $$ORCO_SECRETS_DIR/TOKEN; printf '%s' $$DB_PASSWORD | base64; echo all said; exec sleep 1000"
        secrets: { DB_PASSWORD: { env: DB_PASSWORD }, TOKEN: { file: token.txt, as: file } }
        health: { log: { pattern: all said } }
  `);
  const fileCanary = "file-canary-9/8+7";
  stack.write("token.txt", `${fileCanary}\n`);
  await stack.up();
  const env = await environOf(stack, "one");
  expect(env["DB_PASSWORD"]).toBe(CANARY);
  const file = join(env["ORCO_SECRETS_DIR"] ?? "", "TOKEN");
  expect(readFileSync(file, "utf8").trim()).toBe(fileCanary);
  expect(statSync(file).mode & 0o777).toBe(0o400);
  await stack.ok("apply", "--dry-run", "--json");
  const spoken = [await stack.ok("logs"), await stack.ok("status", "--json"), await stack.ok("events", "--json")].join("\n");
  for (const secret of [CANARY, fileCanary, Buffer.from(CANARY).toString("base64").slice(0, 20), encodeURIComponent(CANARY)])
    expect(spoken).not.toContain(secret);
  const grep = Bun.spawnSync(["grep", "-rlaF", "-e", CANARY, "-e", fileCanary, rig.home]);
  const found = grep.stdout
    .toString()
    .trim()
    .split("\n")
    .filter((path) => path !== "" && path !== file);
  expect(found).toEqual([]);
  const cmdlines = Bun.spawnSync(["sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null"]).stdout.toString();
  expect(cmdlines).not.toContain(fileCanary);
  expect(cmdlines).not.toContain(CANARY);
});
