import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { until } from "../until.ts";
import { sharedRig, type Started } from "./rig.ts";
import type { StackUnderTest } from "./stack-under-test.ts";

const rig = sharedRig();
const API = `
  services:
    api:
      command: ["sleep", "1000"]
      watch: [{ path: src, action: restart, ignore: ["*.log"] }]
    other:
      command: ["sleep", "1000"]
`;

/** `up --watch` in the foreground, watching; `said` gives all that it has printed about it. */
async function watching(stack: StackUnderTest): Promise<{ up: Started; said: () => string[] }> {
  const up = stack.start("up", "--watch");
  const said = (): string[] =>
    up
      .err()
      .split("\n")
      .filter((line) => line.includes("watch: "));
  await until("it watches", () => said().some((line) => line.includes("watching")), 15_000);
  await stack.whenService("api", "to run", ({ ready }) => ready);
  return { up, said };
}

async function end(up: Started): Promise<void> {
  up.kill("SIGINT");
  expect((await up.ended).code).toBe(0);
}

const told = (said: () => string[], text: string, count = 1): Promise<unknown> =>
  until(`${count}: ${text}`, () => said().filter((line) => line.includes(text)).length >= count || undefined, 15_000).catch(
    (error: unknown) => {
      throw new Error(`${String(error)}\n${said().join("\n")}`);
    },
  );

test("a change restarts the service whose file it is, and no other", async () => {
  const stack = rig.stack(API);
  stack.write("src/a.ts", "1");
  const { up, said } = await watching(stack);
  const before = await stack.pids();
  stack.write("src/a.ts", "2");
  await told(said, "watch: api restarted (1 file changed, src/a.ts)");
  const after = await stack.pids();
  expect(after["api/0"]).not.toBe(before["api/0"]);
  expect(after["other/0"]).toBe(before["other/0"]);
  await end(up);
});

test("a checkout of 5,000 files, new folders and a root made again: one action each; what is ignored none", async () => {
  const stack = rig.stack(API);
  const git = (...args: string[]): unknown => execFileSync("git", ["-C", stack.dir, "-c", "user.name=t", "-c", "user.email=t@t", ...args]);
  const writeAll = (text: string): void => {
    for (let n = 0; n < 5000; n++) stack.write(`src/d${n % 50}/f${n}`, text);
  };
  writeAll("one");
  git("init", "-q");
  git("add", ".");
  git("commit", "-qm", "one");
  writeAll("two, and longer");
  git("commit", "-qam", "two");
  const { up, said } = await watching(stack);
  git("checkout", "-q", "HEAD^");
  await told(said, "watch: api restarted (5000 files changed, src/d0/f0 …)");

  stack.write("src/x.log", "ignored");
  stack.write("src/.a.ts.swp", "ignored");
  stack.write("src/new/deep/er.ts", "1");
  await told(said, "(1 file changed, src/new/deep/er.ts)");
  renameSync(join(stack.dir, "src"), join(stack.dir, "away"));
  await told(said, "files changed, src/d0/f0 …)", 2);
  mkdirSync(join(stack.dir, "src"));
  stack.write("src/again.ts", "1");
  await told(said, "(1 file changed, src/again.ts)");
  expect(said().filter((line) => line.includes("restarted")).length).toBe(4);
  rmSync(join(stack.dir, "away"), { recursive: true });
  await end(up);
});

test("the stack file, what it includes and its variables are applied; what is wrong with them is said, and watched on", async () => {
  const body = (command: string): string => `
    includes: [more.yaml]
    services:
      api: { command: ${command}, envFromFile: api.env, watch: [{ path: src, action: apply }] }
  `;
  const stack = rig.stack(body('[sleep, "1000"]'));
  stack.write("more.yaml", "version: 0.1\nservices:\n  extra: { command: [sleep, '1000'] }\n");
  stack.write("api.env", "A=1\n");
  stack.write("src/a", "1");
  const { up, said } = await watching(stack);
  stack.edit(body('[sleep, "1000"'));
  await told(said, `watch: ${stack.name} not applied`);
  stack.edit(body('[sleep, "2000"]'));
  await told(said, `watch: ${stack.name} applied (1 file changed, stack.yaml): api renewed`);
  const before = await stack.pids();
  stack.write("api.env", "A=2\n");
  await told(said, "(1 file changed, api.env): api renewed");
  stack.write("more.yaml", "version: 0.1\nservices:\n  extra: { command: [sleep, '3000'] }\n");
  await told(said, "(1 file changed, more.yaml): extra renewed");
  stack.write("src/a", "2");
  await told(said, "watch: api is as it was (1 file changed, src/a)");
  expect((await stack.pids())["api/0"]).not.toBe(before["api/0"]);
  await end(up);
  await until("it to be down", async () => (await rig.client.stacks()).every(({ stack: name }) => name !== stack.name) || undefined);
});

test("a service that its change has broken is repaired by the next one; the command stays", async () => {
  const stack = rig.stack(`
    services:
      api:
        command: [sh, src/run]
        restartPolicy: { condition: never }
        health: { log: { pattern: ready } }
        watch: [{ path: src, action: restart }]
  `);
  stack.write("src/run", "echo ready; exec sleep 1000");
  const { up, said } = await watching(stack);
  stack.write("src/run", "exit 1");
  await told(said, "watch: api not restarted");
  stack.write("src/run", "echo ready; exec sleep 2000");
  await told(said, "watch: api restarted");
  await stack.whenService("api", "to be ready again", ({ ready }) => ready);
  await end(up);
});

test("-d and --wait leave nobody to watch", async () => {
  const stack = rig.stack(API);
  stack.write("src/a", "");
  for (const flag of ["-d", "--wait"]) {
    const said = await stack.orco("up", "--watch", flag);
    expect([said.code, said.err]).toEqual([2, expect.stringContaining(`--watch and ${flag} exclude each other`)]);
  }
});
