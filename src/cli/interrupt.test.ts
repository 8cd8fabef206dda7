import { expect, test } from "bun:test";
import { join } from "node:path";

const PROGRAM = `import { interrupt } from ${JSON.stringify(join(import.meta.dir, "interrupt.ts"))};
  interrupt();
  console.log(["SIGINT", "SIGTERM", "SIGHUP"].filter((name) => process.listenerCount(name) > 0).join(" "));
  process.exit(0);`;

test.each([
  ["", "SIGINT SIGTERM SIGHUP\n"],
  ['trap "" HUP; ', "SIGINT SIGTERM\n"],
])("a terminal that closes ends a command, unless it was started to outlive that (nohup): %p", async (trap, heard) => {
  const argv = ["/bin/sh", "-c", `${trap}exec "$0" -e "$1"`, process.execPath, PROGRAM];
  const child = Bun.spawn(argv, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  expect(await child.stdout.text()).toBe(heard);
});
