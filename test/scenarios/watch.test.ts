import { expect, test } from "bun:test";
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
