import { expect, test } from "bun:test";
import { existsSync, lstatSync, readdirSync, readFileSync, statfsSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { keptIn } from "../kept.ts";
import { until } from "../until.ts";
import { sharedRig } from "./rig.ts";

const CANARY = "canary-8c1f-secret";
const rig = sharedRig();

test("what hooks and probes print of a secret is neither shown nor kept", async () => {
  const secrets = "secrets: { PW: { file: ./pw } }, restartPolicy: { condition: never }";
  const stack = rig.stack(`
    services:
      hook: { command: "exec sleep 1000", ${secrets}, hooks: { preStart: { command: "echo hook $$PW; exit 1" } } }
      probe:
        command: "exec sleep 1000"
        secrets: { PW: { file: ./pw } }
        health: { interval: 20ms, failureThreshold: 1, onUnready: none, command: { command: [sh, -c, "echo probe $$PW; exit 1"] } }
  `);
  stack.write("pw", `${CANARY}\n`);
  await stack.ok("up", "-d");
  await stack.whenService("hook", "to fail", ({ message }) => message.includes("hook [redacted]"));
  await stack.whenService("probe", "to fail", ({ message }) => message.includes("probe [redacted]"));
  expect(await stack.ok("events")).not.toContain(CANARY);
  expect(keptIn(rig.home).flatMap(({ path, text }) => (text.includes(CANARY) ? [path] : []))).toEqual([]);
});

test("a start that its hook refuses leaves neither secrets nor folders behind", async () => {
  const stack = rig.stack(`
    services:
      refused:
        command: "exec sleep 1000"
        secrets: { PW: { file: ./pw, as: file } }
        hooks: { preStart: { command: "exit 1" } }
        restartPolicy: { maxRetries: 2, backoff: { min: 10ms } }
  `);
  stack.write("pw", CANARY);
  await stack.ok("up", "-d");
  await stack.whenService(
    "refused",
    "to give up",
    ({ state, instances }) => state === "Failed" && instances[0]?.reason === "retries_exhausted",
  );
  const { id } = (await stack.service("refused")).instances[0] ?? {};
  expect(readdirSync(join(rig.home, "instances"))).not.toContain(id);
});

test("a secret placed as a file is its user's alone, and takes the place of a link instead of following it", async () => {
  const stack = rig.stack(`
    services:
      app:
        command: "exec sleep 1000"
        secrets: { PW: { file: ./pw, as: file, path: ./placed } }
  `);
  stack.write("pw", CANARY);
  const victim = stack.write("victim", "precious", 0o644);
  symlinkSync(victim, join(stack.dir, "placed"));
  await stack.up();
  await stack.ok("restart", "app");
  const placed = lstatSync(join(stack.dir, "placed"));
  expect([placed.isSymbolicLink(), placed.mode & 0o777]).toEqual([false, 0o400]);
  expect([readFileSync(victim, "utf8"), readFileSync(join(stack.dir, "placed"), "utf8")]).toEqual(["precious", CANARY]);
});

test("secrets that are files lie in memory, for their user alone, and go with the instance, whatever becomes of the daemon", async () => {
  const stack = rig.stack(`
    services:
      app:
        command: 'echo "$$ORCO_SECRETS_DIR" > where; stat -c %a "$$ORCO_SECRETS_DIR/PW" >> where; cat "$$ORCO_SECRETS_DIR/PW" >> where; mv where seen; exec sleep 1000'
        secrets: { PW: { file: ./pw, as: file } }
        hooks: { preStart: "rm -f seen" }
        health: { command: { command: [test, -e, seen] }, interval: 20ms, timeout: 10s, gracePeriod: 30s }
  `);
  stack.write("pw", CANARY);
  await stack.up();
  const [folder = "", mode, value] = readFileSync(join(stack.dir, "seen"), "utf8").split("\n");
  expect([mode, value, statfsSync(folder).type, statSync(folder).mode & 0o777]).toEqual(["400", CANARY, 0x01021994, 0o700]);
  expect(folder.startsWith(rig.home)).toBe(false);
  await rig.killDaemon();
  await rig.serve();
  await stack.ok("restart", "app");
  await until("the old instance's secrets to be gone", () => !existsSync(folder));
  const [next = ""] = readFileSync(join(stack.dir, "seen"), "utf8").split("\n");
  expect(readFileSync(join(next, "PW"), "utf8")).toBe(CANARY);
  await rig.killDaemon();
  await rig.serve();
  await stack.ok("down");
  await until("the last secrets to be gone", () => !existsSync(next));
});

test("the value of a secret is in no answer: status, plan, events", async () => {
  const body = (command: string): string => `
    services:
      app: { command: "${command}", env: { API_KEY: ${CANARY} }, secrets: { PW: { file: ./pw } } }`;
  const stack = rig.stack(body("exec sleep 1000"));
  stack.write("pw", CANARY);
  await stack.up();
  stack.write("stack.yaml", readFileSync(join(stack.dir, "stack.yaml"), "utf8").replace(`API_KEY: ${CANARY}`, `API_KEY: ${CANARY}-2`));
  const said = await Promise.all([
    stack.ok("apply", "--dry-run"),
    stack.ok("apply", "--dry-run", "--json"),
    stack.ok("status", "--json"),
    stack.ok("events", "--json"),
  ]);
  expect(said.map((text) => text.includes(CANARY))).toEqual([false, false, false, false]);
  expect(said[0]).toContain("***");
});

test.if(process.getuid?.() === 0)("a service of another user reads its secrets, and nobody else's", async () => {
  const stack = rig.stack(`
    services:
      app:
        command: 'echo "$$(id -un) $$(cat "$$ORCO_SECRETS_DIR/PW" | md5sum) $$(stat -c %U%a "$$ORCO_SECRETS_DIR")"; exec sleep 1000'
        user: nobody
        workdir: /
        secrets: { PW: { file: ./pw, as: file } }
        health: { log: { pattern: "^nobody " } }
  `);
  stack.write("pw", CANARY);
  await stack.up();
  const sum = new Bun.CryptoHasher("md5").update(CANARY).digest("hex");
  expect(await stack.ok("logs", "app")).toContain(`nobody ${sum}  - nobody700`);
});
